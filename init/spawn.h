/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.h - start a program with nothing of ours: its own session, cgroup, environment, signals
 */
#pragma once

#include <sys/types.h>

#include "lib/account.h"
#include "lib/bootplan.h"

struct spawn {
	char *const *argv;         /* argv[0] is an absolute path */
	const struct strings *env; /* NAME=value, added or replacing; may be NULL */
	const char *cgroup;        /* below CGROUP_ROOT, made when missing; NULL: the caller's */
	int output, error;         /* for descriptors 1 and 2; -1: /dev/null */
	const char *terminal;      /* a device: becomes 0, 1, 2 and the controlling terminal */
	const char *greeting;      /* written to the terminal first; may be NULL */
	const char *oom_score;     /* for oom_score_adj; NULL: "0" */
	const char *directory;     /* where it begins; NULL: "/" */
	const struct account *account; /* whom it runs as; NULL: root */
};

/**
 * spawn() - returns when the program runs, or could not be started
 *
 * Return: 0 with *ret_pid, or the negative errno of what failed in the child. Quiet.
 */
int spawn(const struct spawn *spawn, pid_t *ret_pid);

/** environment_make() - PATH, HOME, TERM, and @added, where the last of a name wins
 * @home: NULL: that of root */
int environment_make(const struct strings *added, const char *home,
		     struct strings *ret_environment);

/**
 * service_check() - whom a program of the plan runs as, by the lists in /etc, and whether its
 * directory is there; quiet
 * @why: what is wrong, on failure
 */
int service_check(const struct plan_service *service, struct account *ret_account,
		  struct text *why);

/** service_signal() - what tells it to end */
int service_signal(const struct plan_service *service);

/**
 * become() - the last before exec: the directory, then the groups, then the user
 * @account, @directory: NULL as in struct spawn
 *
 * Return: 0 or a negative errno
 */
int become(const struct account *account, const char *directory);

/** signals_reset() - default dispositions, nothing blocked: for a child about to exec */
void signals_reset(void);

/** status_describe() - "ended with status 1" or "was killed by signal 9 (Killed)" */
void status_describe(int status, struct text *text);
