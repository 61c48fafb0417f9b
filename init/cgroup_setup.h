/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroup_setup.h - cgroups as Docker needs them, of either version, also below somebody else's
 *
 * Quiet: 0 or a negative errno, unless said otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/text.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

enum cgroup_kind {
	CGROUP_NONE, /* nothing is mounted at CGROUP_ROOT */
	CGROUP_V1,   /* a folder, with a hierarchy for each controller or a few of them */
	CGROUP_V2,
};

/** cgroup_kind() - what is mounted at CGROUP_ROOT */
enum cgroup_kind cgroup_kind(void);

/* ---- version 1 ---- */

/**
 * cgroup_hierarchies() - what to mount of version 1
 * @table: text of /proc/cgroups
 *
 * Appends one string for each hierarchy that is in use somewhere on this kernel, its controllers
 * with commas between them: those that share one are mounted together or not at all. A controller
 * that is in none is left alone, for a hierarchy of its own would outlive the container that makes
 * it.
 *
 * Return: 0 or -ENOMEM
 * Source: cgroups(7), /proc/cgroups
 */
int cgroup_hierarchies(const char *table, struct strings *ret_hierarchies);

/** cgroup_v1_is_mounted() - is the hierarchy of the first of @controllers there? */
bool cgroup_v1_is_mounted(const char *controllers);

/** cgroup_v1_mount() - one hierarchy below CGROUP_ROOT, with a link for each of several
 * controllers. -EBUSY: a controller is in another hierarchy, version 2 for one */
int cgroup_v1_mount(const char *controllers);

/** cgroup_v1_root() - the folder in which they lie */
int cgroup_v1_root(void);

/* ---- version 2 ---- */

int cgroup_v2_mount(void);

/** cgroup_is_nested() - is the root that is seen here a cgroup below the kernel's own? */
bool cgroup_is_nested(void);

/** cgroup_type() - of the root that is seen here: "domain", or what it cannot be used as */
int cgroup_type(char **ret_type);

/**
 * cgroup_leave_root() - move all processes of the root that is seen here into the cgroup @leaf
 *
 * Below the kernel's root a cgroup has either processes or controllers for others.
 *
 * Return: how many have moved; -EPERM: one is outside of this process's namespace and cannot
 * Source: kernel Documentation/admin-guide/cgroup-v2.rst, "No Internal Process Constraint"
 */
int cgroup_leave_root(const char *leaf);

/** cgroup_has_processes() - are there any in the root that is seen here? */
bool cgroup_has_processes(void);

/** cgroup_controllers() - those that the root has, and which of them it passes on already; either
 * may be NULL */
int cgroup_controllers(struct strings *ret_all, struct strings *ret_enabled);

/** cgroup_enable() - pass a controller on to the cgroups below; one write for each, so that one
 * that is refused does not undo others */
int cgroup_enable(const char *controller);
