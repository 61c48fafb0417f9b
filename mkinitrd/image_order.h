/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_order.h - in which segment, and where in it, an entry stands
 */
#pragma once

#include "manifest.h"

#define EARLY_ALIGNMENT 16 /* of the contents in the early segment, from the start of the file */

struct image_order {
	struct entry *
		*entries;   /* those of the early segment first; owned here, not what they are */
	size_t early_count; /* 0: there is no early segment */
	size_t count;       /* of all */
};

#define IMAGE_ORDER_EMPTY ((struct image_order){ .entries = NULL })

/**
 * image_order_make() - the order in which a finished manifest is written
 *
 * Early entries, sorted by path; then the boot plan and init below their parents, so that they are
 * there when memory ends while the kernel unpacks; then the rest, sorted by path. Quiet: 0 or
 * -ENOMEM.
 */
int image_order_make(const struct manifest *manifest, struct image_order *ret_order);
void image_order_free(struct image_order *order);
