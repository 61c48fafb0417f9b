/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_settings.h - "run:" of a profile: how a tree is run where something else starts it
 *
 * A container image carries it as its configuration, a tree for systemd-nspawn as NAME.nspawn and a
 * drop-in of its unit. What is not said stays with whoever runs the tree.
 */
#pragma once

#include <stdint.h>

#include "profile.h"

enum run_protocol { RUN_TCP, RUN_UDP, RUN_SCTP };

/* a port that something in the tree listens on */
struct run_port {
	uint16_t port;
	uint16_t host; /* of the host, which leads to it; 0: none */
	enum run_protocol protocol;
};

enum run_network {
	RUN_NETWORK_UNSAID,
	RUN_NETWORK_HOST,
	RUN_NETWORK_PRIVATE, /* loopback alone */
	RUN_NETWORK_VETH,
	RUN_NETWORK_BRIDGE,  /* network_name: of the bridge */
	RUN_NETWORK_MACVLAN, /* network_name: of the interface below */
};

/* what is process 1 */
enum run_init {
	RUN_INIT_NONE, /* exec itself */
	RUN_INIT_REAP, /* one that only reaps; exec is process 2 */
	RUN_INIT_BOOT, /* the tree's own init; exec are arguments of it */
};

enum run_choice { RUN_UNSAID, RUN_NO, RUN_YES };

struct run_settings {
	struct strings exec; /* program and arguments; empty: none said. Of a container image the
			      * entry point */
	struct strings arguments; /* after these, and replaced by those of who starts it: its
				   * command; with an empty exec the first of them is the program */
	struct strings env;       /* NAME=value, each name once */
	char *user;               /* "name|uid[:group|gid]"; NULL: not said */
	char *directory;          /* absolute; NULL: not said */
	struct run_port *ports;   /* sorted; each port and protocol once */
	size_t port_count;
	struct strings volumes; /* absolute paths, sorted */
	char *stop_signal;      /* "SIGTERM", "SIGRTMIN+3"; NULL: not said */
	uint64_t memory;        /* bytes; 0: no limit */
	uint64_t cpus;          /* thousandths of a CPU; 0: no limit */
	uint64_t pids;          /* 0: no limit */
	uint64_t nofile;        /* open files of a process; 0: not said; UINT64_MAX: no limit */
	enum run_network network;
	char *network_name;
	enum run_init init;
	enum run_choice private_users;
	bool is_privileged;        /* it needs what the host's root may do */
	struct origin at, exec_at; /* of "run:", of its "exec:"; file NULL: it says none */
};

#define RUN_SETTINGS_EMPTY ((struct run_settings){ 0 })

void run_settings_free(struct run_settings *settings);

/**
 * run_settings_read() - lay "run:" of @profile over what @settings has; speaks
 *
 * Single values and lists replace, and an "exec" takes the arguments before it away; variables,
 * ports and volumes are added, and replace those of the same name.
 *
 * Return: 0 or a negative errno, after one line with file:line:column
 */
int run_settings_read(const struct profile *profile, struct run_settings *settings);

/** run_set_env(), run_set_port(), run_set_volume() - one more, or another value for it. Quiet: 0 or
 * -ENOMEM. The text of a volume is copied */
int run_set_env(struct run_settings *settings, const char *name, const char *value);
int run_set_port(struct run_settings *settings, const struct run_port *port);
int run_set_volume(struct run_settings *settings, const char *path);

/** run_command() - exec and arguments, as one argv, into the empty @ret_argv. Quiet: 0 or -ENOMEM
 */
int run_command(const struct run_settings *settings, struct strings *ret_argv);

/** run_env() - the value of the variable @name, or NULL */
const char *run_env(const struct run_settings *settings, const char *name);

/** run_protocol_name() - "tcp" */
const char *run_protocol_name(enum run_protocol protocol);

/* the forms of text; each: 0, or -EINVAL and nothing changed; the output may be NULL */

/** run_port_parse() - "80/tcp"; a bare "80" is TCP when @bare */
int run_port_parse(const char *text, bool bare, struct run_port *ret_port);

/** run_signal_parse() - what signal_parse() reads into "SIGTERM", "SIGRTMIN+3"; the caller frees it
 */
int run_signal_parse(const char *text, char **ret_name);

/** run_cpus_parse() - "2", "0.5" into thousandths */
int run_cpus_parse(const char *text, uint64_t *ret_thousandths);

/** run_network_parse() - "host", "bridge=br0"; *ret_name points into @text, or is NULL */
int run_network_parse(const char *text, enum run_network *ret_network, const char **ret_name);

bool run_user_is_valid(const char *text);
bool run_variable_is_valid(const char *text);
