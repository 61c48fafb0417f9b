/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_order.c - in which segment, and where in it, an entry stands (see image_order.h)
 *
 * In:    a finished manifest
 * Out:   its entries in the order of the image, and those of its SquashFS
 * Facts: the kernel looks for firmware in /lib/firmware of process 1 (drivers/base/firmware_loader)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image_order.h"
#include "path_map.h"
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

enum { RANK_EARLY, RANK_FIRST, RANK_REST };

static int rank(const struct entry *entry)
{
	return entry->is_early ? RANK_EARLY : is_first(entry->path) ? RANK_FIRST : RANK_REST;
}

/* the last rank of what is in the early segment: with a SquashFS behind it, what the kernel must
 * have unpacked before memory may end */
static int early_rank(const struct image_options *options)
{
	return options->squashfs && !options->squashfs_path ? RANK_FIRST : RANK_EARLY;
}

/* Numbers from 1 in each segment, in the order of records. Of hard links, whose order by path may
 * be another, the first record gives the number. */
static int number_records(struct image_order *order)
{
	struct path_map firsts = { 0 };
	int r = 0;

	order->places = calloc(order->count + 1, sizeof(*order->places));
	if (!order->places)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < order->count; i++) {
		const struct entry *entry = order->entries[i];
		const char *file = entry->link ? entry->link->path : entry->path;
		struct record_place *first = entry->nlink > 1 ? path_map_get(&firsts, file) : NULL;
		size_t number = i < order->early_count ? i : i - order->early_count;

		order->places[i] = (struct record_place){ (uint32_t)number + 1, true, i };
		if (first) {
			order->places[i].inode = first->inode;
			order->places[first->last].has_content = false;
			first->last = i;
		} else if (entry->nlink > 1) {
			r = path_map_put(&firsts, file, &order->places[i], NULL);
		}
	}
	path_map_free(&firsts);
	return r;
}

static bool is_below(const char *path, const char *directory)
{
	const char *rest = text_after(path, directory);

	return rest && (*rest == '/' || *rest == '\0');
}

/* modules and firmware: of a foreign tree only what something in the profile wants besides */
static bool is_kernels(const struct entry *entry, const char *release)
{
	const char *path = text_after(entry->path, "usr/");
	const char *rest;

	path = path ? path : entry->path;
	if (entry->is_tree && entry->reason_count < 2)
		return false;
	rest = text_after(path, "lib/modules/");
	return is_below(path, "lib/firmware") || (rest && is_below(rest, release));
}

/* the folder of the modules of all kernels */
static bool is_modules(const char *path)
{
	const char *rest = text_after(path, "usr/");

	return text_equal(rest ? rest : path, "lib/modules");
}

enum { IN_ARCHIVE = 1, IN_SQUASHFS = 2 };

static int parts_of(const struct entry *entry, const struct image_options *options)
{
	if (!options->squashfs || entry->is_early)
		return IN_ARCHIVE;
	if (text_equal(entry->path, "init") || text_after(entry->path, "usr/lib/mkinitrd/"))
		return IN_ARCHIVE;
	/* places for what is in the archive */
	if (text_equal(entry->path, "usr/lib/mkinitrd") || is_modules(entry->path))
		return IN_ARCHIVE | IN_SQUASHFS;
	if (!strchr(entry->path, '/') &&
	    (entry->type == ENTRY_DIRECTORY || entry->type == ENTRY_SYMLINK))
		return IN_ARCHIVE | IN_SQUASHFS;
	if (!is_kernels(entry, options->release))
		return IN_SQUASHFS;
	return IN_ARCHIVE | (entry->is_tree ? IN_SQUASHFS : 0);
}

/* the place of @path in the sorted manifest; it is there */
static size_t index_of(const struct manifest *manifest, const char *path, size_t length)
{
	size_t low = 0, high = manifest_count(manifest);

	while (low + 1 < high) {
		size_t middle = low + (high - low) / 2;
		const char *other = manifest_at(manifest, middle)->path;
		int order = strncmp(other, path, length);

		if (order > 0 || (order == 0 && other[length] != '\0'))
			high = middle;
		else
			low = middle;
	}
	return low;
}

/* whether one of the entries that are marked wanted @entry */
static bool is_wanted(const struct manifest *manifest, const struct entry *entry,
		      const unsigned char *parts)
{
	for (size_t i = 0; i < entry->reason_count; i++) {
		const char *by = entry->reasons[i].by;

		if (by && manifest_find(manifest, by) && parts[index_of(manifest, by, strlen(by))])
			return true;
	}
	return false;
}

/* the shell, and what it needs, directly or not */
static void parts_add_shell(const struct manifest *manifest, const char *shell,
			    unsigned char *parts)
{
	bool is_more = shell && manifest_find(manifest, shell);

	if (is_more)
		parts[index_of(manifest, shell, strlen(shell))] = IN_ARCHIVE;
	while (is_more) {
		is_more = false;
		for (size_t i = 0; i < manifest_count(manifest); i++) {
			if (parts[i] || !is_wanted(manifest, manifest_at(manifest, i), parts))
				continue;
			parts[i] = IN_ARCHIVE;
			is_more = true;
		}
	}
}

/* in which parts each entry is, in the manifest's order. What is above an entry goes where that
 * goes: from the end on, what is below has been seen. */
static unsigned char *parts_make(const struct manifest *manifest,
				 const struct image_options *options)
{
	size_t count = manifest_count(manifest);
	unsigned char *parts = calloc(count + 1, sizeof(*parts));

	if (parts && options->squashfs)
		parts_add_shell(manifest, options->shell, parts);
	for (size_t i = count; parts && i-- > 0;) {
		const struct entry *entry = manifest_at(manifest, i);
		const char *slash = strrchr(entry->path, '/');

		parts[i] |= (unsigned char)parts_of(entry, options);
		if (slash && !entry->is_early)
			parts[index_of(manifest, entry->path, (size_t)(slash - entry->path))] |=
				parts[i];
	}
	return parts;
}

int image_order_make(const struct manifest *manifest, const struct image_options *options,
		     struct image_order *ret_order)
{
	size_t count = manifest_count(manifest);
	CLEANUP(memory_free) unsigned char *parts = parts_make(manifest, options);
	struct image_order order = { .entries = calloc(count + 1, sizeof(struct entry *)),
				     .squashfs = calloc(count + 1, sizeof(struct entry *)) };
	bool is_complete = parts && order.entries && order.squashfs;

	/* the manifest is sorted, and each pass keeps its order */
	for (int pass = RANK_EARLY; is_complete && pass <= RANK_REST; pass++)
		for (size_t i = 0; i < count; i++)
			if (rank(manifest_at(manifest, i)) == pass && parts[i] & IN_ARCHIVE) {
				order.entries[order.count++] = manifest_at(manifest, i);
				order.early_count += pass <= early_rank(options);
			}
	for (size_t i = 0; is_complete && i < count; i++)
		if (parts[i] & IN_SQUASHFS)
			order.squashfs[order.squashfs_count++] = manifest_at(manifest, i);
	if (!is_complete || number_records(&order) < 0) {
		image_order_free(&order);
		return -ENOMEM;
	}
	*ret_order = order;
	return 0;
}

void image_order_free(struct image_order *order)
{
	free(order->entries);
	free(order->places);
	free(order->squashfs);
	*order = IMAGE_ORDER_EMPTY;
}
