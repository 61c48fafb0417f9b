/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script.h - scripts that are run in a tree while the image is built, for resolve_scripts.c
 */
#pragma once

#include <sys/stat.h>

#include "manifest.h"
#include "path_map.h"
#include "spool.h"

/* ---- script_layout.c: the tree as files, and what it is at one moment ---- */

struct sight {
	char *path;
	struct stat status;
	struct xattrs xattrs;
};

/* what stood in a folder; sorted by path */
struct sights {
	struct sight *items;
	size_t count, allocated;
};

void sights_free(struct sights *sights);

/** layout_make() - the entries of @manifest as files in the empty folder @fd; speaks
 *
 * Owners and attributes as far as they can be had here. Devices are left out: nobody but root of
 * the machine may make them. Folders that are mounted over are made when they are missing. */
int layout_make(const struct manifest *manifest, int fd);

/** sights_take() - what is in the folder @fd now; speaks */
int sights_take(int fd, struct sights *ret);

/** layout_target() - of a symlink in the folder @fd; the caller frees it. Quiet */
int layout_target(int fd, const char *path, char **ret_target);

/** layout_open() - a file in the folder @fd, no symlink followed. Return: a descriptor or -errno */
int layout_open(int fd, const char *path, int flags);

/* ---- script_run.c: one of them ---- */

struct script {
	const char *name;
	char *content; /* of it */
	size_t size;
	char **environment; /* ends with NULL */
};

/* how it went */
struct script_result {
	struct text output; /* the end of what it printed */
	int status;         /* of waitpid(2) */
	bool lacks_proc;    /* it had no /proc */
};

/**
 * script_run() - run one in the folder @path, in namespaces of its own; quiet
 *
 * For root of a user namespace. Return: 0, or -errno: the output says what could not be done
 */
int script_run(const struct script *script, const char *path, struct script_result *ret);
