/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_trees.h - "trees:" and "scripts:" of a profile
 */
#pragma once

#include "resolve.h"
#include "spool.h"

/* what stays open as long as the manifest needs the content of trees */
struct foreign {
	struct spool spool;
	int *fds; /* directories that are trees */
	size_t fd_count;
	bool has_root;   /* a tree lies at "/": it says where symlinks lead to */
	uint32_t groups; /* of hard links, given out so far */
};

/** foreign_free() - NULL is fine */
void foreign_free(struct foreign *foreign);

/**
 * resolve_trees() - each of a "trees:" map, laid over each other in its order, into the manifest;
 * speaks. Before anything else is in the manifest, and before the process has threads.
 * @is_refresh: commands that make trees are run again
 */
int resolve_trees(struct resolve *resolve, const struct value *trees, bool is_refresh);

/**
 * resolve_scripts() - each of a "scripts:" map, in the order of its keys, run in what the manifest
 * has so far; what they changed goes into it; speaks
 */
int resolve_scripts(struct resolve *resolve, const struct value *scripts);

/** trees_init() - the program that the tree at "/" is handed over to; speaks, naming the places
 * searched when there is none
 * @ret_path: absolute; constant */
int trees_init(const struct resolve *resolve, const char **ret_path);

/** trees_program() - where the tree at "/" has the program @name (as for resolve_program()); quiet
 * @ret_path: absolute; the caller frees it. Return: 0, -ENOENT, also without such a tree */
int trees_program(const struct resolve *resolve, const char *name, char **ret_path);

/** trees_program_in() - the same with folders of its own, as PATH has them; NULL: the usual ones */
int trees_program_in(const struct resolve *resolve, const char *name, const char *folders,
		     char **ret_path);

/** trees_named() - the same for what "files:" has put at the absolute path @name, with a tree or
 * without */
int trees_named(const struct resolve *resolve, const char *name, char **ret_path);

/** foreign_get() - resolve->foreign, opened when it is not there yet; speaks. NULL: failed */
struct foreign *foreign_get(struct resolve *resolve);
