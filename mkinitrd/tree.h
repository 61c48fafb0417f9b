/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - a foreign tree: the files of a directory or an archive, layer over layer, by path
 *
 * Paths are relative and canonical; names are what an untrusted archive says, so nothing here ever
 * opens a path: content is named by where it lies in a directory of ours (the spool) or of the
 * tree itself. What is put later stands over what was there, and says so.
 */
#pragma once

#include "manifest.h"

#define TREE_ENTRIES_MOST 500000
#define TREE_MEMORY_MOST ((uint64_t)128 << 20) /* names, targets, attributes */
#define TREE_LIMIT ((uint64_t)32 << 30)        /* bytes of content, unless a profile says other */

/* a file by itself: hard links have it in common */
struct tree_object {
	unsigned references;
	enum entry_type type;
	mode_t mode;
	uint32_t uid, gid;
	uint32_t device_major, device_minor;
	struct xattrs xattrs;
	char *target; /* symlinks */
	uint64_t size;
	struct source source; /* files; path and stored are owned */
	const char *layer;    /* which tree of the profile it is of; lives as long as the tree */
	const char *over;     /* which other one had something else there, or NULL */
	uint32_t group;       /* of hard links, given by tree_export(); 0: none yet */
};

struct tree_member {
	char *path;
	const char *name; /* the last component, within @path */
	struct tree_object *object;
	struct tree_member *parent, *children, *next, *previous;
	unsigned level; /* of which layer of an image it is: what whiteouts take away is lower */
};

struct tree;

/** tree_new() - NULL: out of memory */
struct tree *tree_new(void);
void tree_free(struct tree *tree);
static inline void tree_cleanup(struct tree **tree)
{
	tree_free(*tree);
	*tree = NULL;
}

/** tree_layer() - what is put from now on is of the tree @name of the profile, and stands over the
 * layers before it; @name lives as long as @tree */
void tree_layer(struct tree *tree, const char *name);

/** tree_level() - one layer of an image further up: what is there can be whited out */
void tree_level(struct tree *tree);

/** tree_object_new() - with one reference; NULL: out of memory */
struct tree_object *tree_object_new(enum entry_type type, mode_t mode);
void tree_object_release(struct tree_object **object);

/**
 * tree_put() - @object at @path; quiet
 *
 * What stands there is replaced, with all below it; a directory over a directory gives it its
 * attributes alone. Missing parents are made, 0755. The reference stays the caller's.
 *
 * Return: 0; -ELOOP below a symlink, -ENOTDIR below another file, -E2BIG too many entries,
 * -EOVERFLOW too much memory for names and attributes, -ENOTUNIQ a directory in the place of a
 * symlink that another layer of the profile has there; -ENOMEM
 */
int tree_put(struct tree *tree, const char *path, struct tree_object *object);

/** tree_get() - what is at @path, or NULL */
struct tree_member *tree_get(const struct tree *tree, const char *path);

/** tree_white_out() - a lower level has nothing at @path, or with @below nothing below it; what
 * this level has there stays. Quiet, also when there is nothing */
void tree_white_out(struct tree *tree, const char *path, bool below);

/** tree_problem() - what an error of tree_put() means: "is below a symlink", ... */
const char *tree_problem(int error);

size_t tree_count(const struct tree *tree);

/**
 * tree_walk() - every member, parents first, names in order of their bytes
 * Return: 0, or what @visit returned, when it is not 0
 */
int tree_walk(struct tree *tree, int (*visit)(struct tree_member *member, void *context),
	      void *context);
