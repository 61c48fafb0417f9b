/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_place.h - what the steps of dockerlaunch know of each other
 *
 * A step looks at one thing after the other and says of each what it is: it is there; it is missing
 * and was made, or would be; it is missing and may be; it is missing, and dockerd does not run
 * without. So a run, a dry run and a check are the same steps.
 */
#pragma once

#include <jansson.h>
#include <linux/capability.h>

#include "dockerlaunch.h"
#include "lib/text.h"

/* where there is no PATH */
#define LAUNCH_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum launch_mode { LAUNCH_RUN, LAUNCH_DRY_RUN, LAUNCH_CHECK };

enum launch_state {
	LAUNCH_HAS,     /* there */
	LAUNCH_MAKES,   /* missing or wrong: put right now, or when it is launched */
	LAUNCH_ALTERS,  /* the same, of what somebody has put there: a run says it, too */
	LAUNCH_WITHOUT, /* missing, and dockerd runs all the same */
	LAUNCH_LACKS,   /* missing, and dockerd does not run */
};

struct launch {
	const struct dockerlaunch_settings *settings;
	enum launch_mode mode;
	const char *step;     /* the one that runs */
	const char *docker;   /* as asked for */
	char *program;        /* where it is */
	struct strings words; /* dockerd's argv */
	struct strings environment;
	json_t *daemon; /* its settings file, or NULL */
	char *data_root;
	uint64_t capabilities; /* of this process, a bit each */
	bool is_bare;          /* "/" is the rootfs */
	bool wants_firewall;   /* --iptables=false was not given */
	bool wants_network;    /* --bridge=none was not given */
	json_t *items;         /* of a check as JSON */
	size_t lacking;
	int status; /* why it failed, when not DOCKERLAUNCH_FAILED */
};

/** Return: 0, or negative: it cannot go on, and has said why */
typedef int launch_step(struct launch *launch);

/**
 * launch_say() - what one thing is
 * @what: its name: a path, a limit
 *
 * Return: 0; negative for LAUNCH_LACKS in a run, which ends then. A check or a dry run goes on
 */
int launch_say(struct launch *launch, enum launch_state state, const char *what, const char *format,
	       ...) PRINTF_LIKE(4, 5);

/** launch_changes() - is this a run, which may change something? */
static inline bool launch_changes(const struct launch *launch)
{
	return launch->mode == LAUNCH_RUN;
}

/** launch_may() - has this process the capability CAP_...? */
bool launch_may(const struct launch *launch, int capability);

/** launch_refusal() - what a call that needs CAP_... would come to, where it is not made: 0 or
 * -EPERM */
int launch_refusal(const struct launch *launch, int capability);

/** launch_needs() - what to do about @error: " (needs CAP_SYS_ADMIN: ...)" when that is missing,
 * else
 * "" */
const char *launch_needs(const struct launch *launch, int capability);

/** launch_setting() - the value of dockerd's option @option (without dashes), or of its key @key in
 * the settings file. Return: NULL when neither says */
const char *launch_setting(const struct launch *launch, const char *option, const char *key);

/** launch_is_off() - is a boolean of dockerd's that is true by default false? */
bool launch_is_off(const struct launch *launch, const char *name);

/* ---- dockerlaunch_arguments.c ---- */

/** launch_arguments() - words of the command line that dockerd of today would refuse are dropped,
 * and those that are looked at must make sense. Return: 0, or negative with launch->status */
launch_step launch_arguments;

/** launch_drop() - take dockerd's option @name, in all its places, off its command line */
void launch_drop(struct launch *launch, const char *name);

/** launch_mtu() - what dockerd is told. Return: 0; -ENOENT: nothing; -EINVAL, -ERANGE: nonsense */
int launch_mtu(const struct launch *launch, uint64_t *ret_mtu);

/** launch_complain() - a wrong argument: one line, and DOCKERLAUNCH_USAGE. Return: -EINVAL */
int launch_complain(struct launch *launch, const char *format, ...) PRINTF_LIKE(2, 3);

/** the steps, in this order */
launch_step launch_program, launch_capabilities, launch_mounts, launch_cgroups, launch_files,
	launch_limits, launch_forwarding, launch_modules, launch_firewall, launch_storage,
	launch_leftovers, launch_bridge;

/** launch_modprobe() - where there is a modprobe that has the modules of this kernel. Return: 0 or
 * a negative errno */
int launch_modprobe(const char *name);

/** launch_stay() - run launch->program as a child until it ends. Return: an exit status */
int launch_stay(struct launch *launch);
