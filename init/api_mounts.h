/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_mounts.h - the kernel's own file systems, in whatever place we run
 *
 * One table for init and for dockerlaunch. What is mounted already is left alone. Quiet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/text.h"

struct api_mount {
	const char *type, *at;
	unsigned long flags;
	const char *options;
	bool is_required;   /* nothing goes on without it */
	bool is_of_machine; /* not in a place that somebody else has filled */
};

/* parents first */
extern const struct api_mount api_mounts[];
extern const size_t api_mount_count;

/** is_mount_point() - is something mounted at @path? */
bool is_mount_point(const char *path);

/** api_mount_make() - mount it where nothing is mounted yet, its directory made when missing.
 * Return: 1 mounted, 0 something is mounted there, or a negative errno */
int api_mount_make(const struct api_mount *mount);

/** api_mount_why() - @error of api_mount_make() in words: path, type and reason */
void api_mount_why(const struct api_mount *mount, int error, struct text *text);

/* devtmpfs does not make those in /dev; /run is where /var/run has moved to */
struct api_link {
	const char *target, *path;
};

extern const struct api_link api_links[];
extern const size_t api_link_count;

/** api_link_make() - Return: 1 made, 0 something is there, or a negative errno */
int api_link_make(const struct api_link *link);

/**
 * mountinfo_is_bare() - is "/" the rootfs itself, with nothing below it?
 * @mountinfo: text of /proc/self/mountinfo
 *
 * Return: 1 yes: pivot_root(2) will not work; 0 no; -EINVAL: there is no line for "/"
 * Source: measured, docs/boot.md section 1: then the mount is its own parent
 */
int mountinfo_is_bare(const char *mountinfo);

/** root_is_bare() - the same of this process. A /proc that is missing is mounted for the look, and
 * goes again. Return: as mountinfo_is_bare(), or the negative errno of that */
int root_is_bare(void);

/** root_settle() - a bare root bound onto itself, with all that is mounted below it already, and
 * entered. Return: 0 or -errno */
int root_settle(void);
