/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_make.h - trees that a command makes, and where they are kept
 */
#pragma once

#include "../init/lib/text.h"

#define MAKE_OUTPUT "${output}" /* in an argument: the path of the tar to write */

/**
 * tree_make() - the tar that a command makes; speaks
 * @arguments:  of the command, the first its name; MAKE_OUTPUT in them is replaced by a path that
 *              ends in ".tar"; without it, what the command prints is the tar
 * @label:      for messages: "tree 'base' (site.yaml:3)"
 * @is_refresh: make it again
 *
 * A command that was run before with the same arguments is not run again: its tar lies in
 * $XDG_CACHE_HOME/mkinitrd/trees, else (root) /var/cache/mkinitrd/trees, else
 * ~/.cache/mkinitrd/trees. Return: a descriptor at its start, or -errno
 */
int tree_make(const struct strings *arguments, const char *label, bool is_refresh);
