/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_order.h - in which segment, and where in it, an entry stands
 */
#pragma once

#include "image.h"

#define EARLY_ALIGNMENT 16 /* of the contents in the early segment, from the start of the file */

/* an entry's record in its segment */
struct record_place {
	uint32_t inode;   /* from 1; hard links have that of the first of them */
	bool has_content; /* files: of hard links the last one, as cpio(5) has it for newc */
	size_t last;      /* of the first hard link: the index of the last so far */
};

struct image_order {
	struct entry *
		*entries; /* those of the early segment first; owned here, not what they are */
	struct record_place *places; /* of each entry, at the same index */
	size_t early_count;          /* 0: there is no early segment */
	size_t count;                /* of all */
	struct entry **squashfs;     /* those that go into the SquashFS, sorted by path */
	size_t squashfs_count;       /* 0: there is no SquashFS */
};

#define IMAGE_ORDER_EMPTY ((struct image_order){ .entries = NULL })

/**
 * image_order_make() - the order in which a finished manifest is written
 *
 * Early entries, sorted by path; then the boot plan and init below their parents, so that they are
 * there when memory ends while the kernel unpacks; then the rest, sorted by path.
 *
 * In layout squashfs the archives have what init needs before it mounts the SquashFS, and what
 * depends on the kernel: init and what is mkinitrd's own, the modules and firmware; the SquashFS
 * has all else. Directories above the former, and directories and symlinks right below "/", are
 * in both. When the image carries it, boot plan and init stand in the early segment, before it.
 * Quiet: 0 or -ENOMEM.
 */
int image_order_make(const struct manifest *manifest, const struct image_options *options,
		     struct image_order *ret_order);
void image_order_free(struct image_order *order);
