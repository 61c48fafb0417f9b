/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup_tree.h - cgroups by name: join, freeze, kill, wait, walk
 *
 * Names are paths below CGROUP_ROOT without a leading '/'. Quiet.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/text.h"

/** cgroup_make() - existing is fine */
int cgroup_make(const char *name);

/** cgroup_join() - move the calling process into a cgroup, made when missing */
int cgroup_join(const char *name);

/** cgroups_do_without() - from now on there are none to join, and nothing to end by them */
void cgroups_do_without(void);

/** cgroup_write() - write a control file of a cgroup, such as "cgroup.freeze" */
int cgroup_write(const char *name, const char *file, const char *value);

/**
 * cgroup_wait() - until @key of cgroup.events is @value ("populated 0"), at most until @end_ms
 *
 * Return: 0 also when the cgroup is gone or was never there; -ETIMEDOUT; a negative errno
 */
int cgroup_wait(const char *name, const char *key, char value, uint64_t end_ms);

/** cgroup_event() - the value of @key in cgroup.events now, or a negative errno */
int cgroup_event(const char *name, const char *key);

/** cgroup_events_open() - cgroup.events, for a watch with priority. Return: a descriptor or -errno
 */
int cgroup_events_open(const char *name);

/** cgroup_events_read() - the value of @key from such a descriptor; without it the watch wakes
 * again. -ENODEV: the cgroup is gone */
int cgroup_events_read(int fd, const char *key);

/** cgroup_kill() - SIGKILL for all of a cgroup and what is below it; gone is fine */
int cgroup_kill(const char *name);

/** cgroup_children() - names of the cgroups directly below (NULL: the root), as paths, sorted */
int cgroup_children(const char *name, struct strings *ret_names);

/** cgroup_processes() - call @visit with each process of a cgroup, and of those below it */
void cgroup_processes(const char *name, void (*visit)(pid_t pid, void *context), void *context);

/** cgroup_is_ours() - is this the cgroup of main or of the process that stays to the end? */
bool cgroup_is_ours(const char *name);

/** cgroups_end() - kill all but ours, and wait until they are empty. Return: how many are not */
size_t cgroups_end(uint64_t end_ms);
