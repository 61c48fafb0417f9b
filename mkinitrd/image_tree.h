/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_tree.h - an image as the file system that the kernel makes of it, for those who look at it
 * as a whole
 *
 * Content is hashed and handed out as it goes by, not kept.
 */
#pragma once

#include "image.h"
#include "path_map.h"

struct tree_node {
	char *path; /* without leading '/' */
	mode_t mode;
	uint32_t uid, gid, nlink;
	uint64_t inode, size;
	char *target;     /* symlinks */
	unsigned segment; /* in which it was defined last */
	size_t order;     /* of that among all entries, from 0 */
	enum compression compression;
	bool is_in_squashfs;
	unsigned char sha256[SHA256_SIZE]; /* regular files */
	void *facts;                       /* of who reads the tree */
	struct tree_node *content;         /* a hard link's content; else the node itself */
};

struct image_tree {
	struct tree_node **nodes; /* sorted by path after image_tree_read() */
	size_t count, allocated;
	struct path_map places;
	size_t entries; /* in the image: a path may be defined twice */
	void (*facts_free)(void *facts);
	bool skips_content; /* set before reading: content is neither hashed nor shown */
};

/* who looks on while the tree is read; each may be NULL */
struct tree_look {
	void *context;
	/* an entry, before it goes into the tree. @node: what defined the path before, or NULL */
	int (*entry)(void *context, const struct image_entry *entry, const struct tree_node *node);
	/* the content of a regular file, in pieces; @size 0: its end */
	int (*content)(void *context, struct tree_node *node, const unsigned char *bytes,
		       size_t size);
};

/** image_tree_read() - all of the image at @path; speaks. Return: 0 or -errno, also of @look */
int image_tree_read(struct image_tree *tree, const char *path, const struct tree_look *look);
void image_tree_free(struct image_tree *tree);

/** image_tree_find() - the node at exactly @path, or NULL */
struct tree_node *image_tree_find(const struct image_tree *tree, const char *path);

/**
 * image_tree_resolve() - follow @path (from the image's root) through symlinks
 * @follow:    the last component, too
 * @ret_place: when not NULL, where it leads to, without leading '/', also when nothing is there
 * @ret_node:  when not NULL, the node; NULL for the root itself when the image does not define it
 *
 * Return: 1 it is there, 0 it is not, -ELOOP after 40 symlinks, -ENOMEM
 */
int image_tree_resolve(const struct image_tree *tree, const char *path, bool follow,
		       struct text *ret_place, struct tree_node **ret_node);

/** image_tree_target() - where the symlink @node leads to; as image_tree_resolve() */
int image_tree_target(const struct image_tree *tree, const struct tree_node *node,
		      struct text *ret_place, struct tree_node **ret_node);
