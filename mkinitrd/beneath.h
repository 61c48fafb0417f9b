/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beneath.h - making files below a directory and nowhere else, whatever their names say
 *
 * Every component of a path is opened without following a symlink. Quiet.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "../init/lib/text.h"

struct beneath {
	int top_fd;
	int parent_fd;      /* of the last path; most paths have the same parent as the last */
	struct text parent; /* its path */
};

#define BENEATH_EMPTY ((struct beneath){ .top_fd = -1, .parent_fd = -1 })

void beneath_close(struct beneath *beneath);

/**
 * beneath_parent() - the directory in which @path lies, made with its parents when it is missing
 * @path:     relative, without empty components
 * @ret_name: the last component, within @path
 *
 * Return: a descriptor that stays beneath's, valid until the next call, or a negative errno: -ELOOP
 * when a component is a symlink, -EXDEV when one is "..", -ENOTDIR
 */
int beneath_parent(struct beneath *beneath, const char *path, const char **ret_name);

/** beneath_clear() - remove what stands at @name, if anything: a file, or an empty directory */
int beneath_clear(struct beneath *beneath, int parent_fd, const char *name);
