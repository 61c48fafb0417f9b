/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diff.h - two images held against each other
 */
#pragma once

#include "image_tree.h"

/* what of a path differs; bits, in the order of the words that cmd_diff.c has for them */
enum diff_what {
	DIFF_TYPE = 1 << 0,
	DIFF_CONTENT = 1 << 1,
	DIFF_MODE = 1 << 2,
	DIFF_OWNER = 1 << 3,
	DIFF_TARGET = 1 << 4,
};

struct diff_image {
	const char *path;
	struct image_tree tree;
	char *profile, *release; /* from its manifest, or NULL */
	char *kernel;            /* the one release of its modules, or NULL */
};

struct diff_pair {
	struct tree_node *a, *b; /* NULL: is not there */
	unsigned what;           /* when both are */
	struct strings lines;    /* of a small text: "-OLD", "+NEW" */
};

struct diff_sum {
	size_t count;
	uint64_t bytes_a, bytes_b;
};

struct diff {
	struct diff_image a, b;
	struct diff_pair *pairs; /* that differ; sorted by path */
	size_t pair_count, pair_allocated;
	struct diff_sum removed, added, changed;
	size_t moved; /* paths that are the same but for the kernel's release in them */
};

/**
 * diff_images() - read both images (a.path, b.path), and again what changed lines are looked for
 * in; speaks
 *
 * Modules are matched by their path below the release's directory when each image has those of
 * one kernel. The manifest itself is not compared: it says what the entries say.
 */
int diff_images(struct diff *diff);
void diff_free(struct diff *diff);

/**
 * diff_lines() - what changed from one text to another, as "-OLD" and "+NEW", appended
 *
 * Long texts that share little are given as a whole. Return: 0 or -ENOMEM
 */
int diff_lines(const char *a, const char *b, struct strings *ret_lines);
