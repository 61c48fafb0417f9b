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

/* what a file is called in its directory until all of it is there */
#define BENEATH_PARTIAL ".mkinitrd-partial"

#define BENEATH_EMPTY ((struct beneath){ .top_fd = -1, .parent_fd = -1 })

void beneath_close(struct beneath *beneath);

/**
 * beneath_parent() - the directory in which @path lies, made with its parents when it is missing
 * @path:     relative, without empty components
 * @ret_name: the last component, within @path
 *
 * Return: a descriptor that stays beneath's, valid until the next call, or a negative errno: -ELOOP
 * when a component is a symlink, -EXDEV when one is "..", -EALREADY when one is BENEATH_PARTIAL,
 * -ENOTDIR
 */
int beneath_parent(struct beneath *beneath, const char *path, const char **ret_name);

/** beneath_clear() - remove what stands at @name, if anything: a file, or an empty directory */
int beneath_clear(struct beneath *beneath, int parent_fd, const char *name);

/**
 * beneath_begin() - an empty file for @name, mode 0600, called BENEATH_PARTIAL until it is
 * published
 *
 * An empty directory at @name is removed already, any other one is -ENOTEMPTY. What a run that was
 * killed has left under BENEATH_PARTIAL is removed. Return: a descriptor, or a negative errno
 */
int beneath_begin(struct beneath *beneath, int parent_fd, const char *name);

/** beneath_publish() - the file gets its name, in the place of what stands there; a failure leaves
 * neither */
int beneath_publish(int parent_fd, const char *name);

/** beneath_abandon() - the file goes away unpublished */
void beneath_abandon(int parent_fd);
