/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_order.c - in which segment, and where in it, an entry stands (see image_order.h)
 *
 * In:    a finished manifest
 * Out:   its entries in the order of the image
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image_order.h"
#include "../init/lib/bootplan.h"

/* what init needs to say that memory was too small for the rest */
static const char *const first_paths[] = { &BOOTPLAN_PATH[1], "init" };

/* whether @path is one of first_paths or a directory above one */
static bool is_first(const char *path)
{
	size_t length = strlen(path);

	for (size_t i = 0; i < COUNT_OF(first_paths); i++)
		if (strncmp(first_paths[i], path, length) == 0 &&
		    (first_paths[i][length] == '\0' || first_paths[i][length] == '/'))
			return true;
	return false;
}

static int rank(const struct entry *entry)
{
	return entry->is_early ? 0 : is_first(entry->path) ? 1 : 2;
}

int image_order_make(const struct manifest *manifest, struct image_order *ret_order)
{
	size_t count = manifest_count(manifest);
	struct image_order order = { .entries = calloc(count + 1, sizeof(struct entry *)) };

	if (!order.entries)
		return -ENOMEM;
	/* the manifest is sorted, and each pass keeps its order */
	for (int pass = 0; pass <= 2; pass++)
		for (size_t i = 0; i < count; i++)
			if (rank(manifest_at(manifest, i)) == pass) {
				order.entries[order.count++] = manifest_at(manifest, i);
				order.early_count += pass == 0;
			}
	*ret_order = order;
	return 0;
}

void image_order_free(struct image_order *order)
{
	free(order->entries);
	*order = IMAGE_ORDER_EMPTY;
}
