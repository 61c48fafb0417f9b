/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layers.c - the entries of a manifest by the profile that wanted them (see layers.h)
 *
 * In:    a finished manifest, whose entries know who wanted them; the files of the stack
 * Out:   lists of entries
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "layers.h"

#define RANK_UNKNOWN SIZE_MAX

/* what a sort works with; entries are known by their place in the manifest */
struct sorting {
	const struct manifest *manifest;
	const struct strings *files;
	size_t *ranks; /* of each entry */
	size_t *seen;  /* of each entry: the layer, counted from 1, that has it already */
	size_t count;
	size_t top; /* rank of what no file wanted: --set, mkinitrd itself */
};

static void sorting_free(struct sorting *sorting)
{
	free(sorting->ranks);
	free(sorting->seen);
}

void layers_free(struct layers *layers)
{
	for (size_t i = 0; i < layers->count; i++)
		export_free(&layers->items[i].list);
	free(layers->items);
	*layers = LAYERS_EMPTY;
}

/* where @path of @length bytes is in the manifest, which is sorted; SIZE_MAX: nowhere */
static size_t index_of(const struct sorting *sorting, const char *path, size_t length)
{
	size_t low = 0, high = sorting->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *there = manifest_at(sorting->manifest, middle)->path;
		int order = strncmp(there, path, length);

		if (order == 0 && there[length] != '\0')
			order = 1;
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return SIZE_MAX;
}

static size_t file_rank(const struct sorting *sorting, const char *file)
{
	for (size_t i = 0; file && i < sorting->files->count; i++)
		if (text_equal(sorting->files->items[i], file))
			return i < LAYERS_MOST - 2 ? i : LAYERS_MOST - 2;
	return sorting->top;
}

static size_t reason_rank(const struct sorting *sorting, const struct reason *reason)
{
	size_t by;

	if (!reason->by)
		return file_rank(sorting, reason->at.file);
	by = index_of(sorting, reason->by, strlen(reason->by));
	return by == SIZE_MAX ? RANK_UNKNOWN : sorting->ranks[by];
}

/* Return: whether the entry's rank is lower now */
static bool rank_entry(struct sorting *sorting, size_t at)
{
	const struct entry *entry = manifest_at(sorting->manifest, at);
	size_t rank = sorting->ranks[at], before = rank;

	for (size_t i = 0; i < entry->reason_count; i++) {
		size_t other = reason_rank(sorting, &entry->reasons[i]);

		rank = other < rank ? other : rank;
	}
	/* hard links: all of them that of the lowest */
	if (entry->link) {
		size_t first = index_of(sorting, entry->link->path, strlen(entry->link->path));

		if (first != SIZE_MAX && sorting->ranks[first] < rank)
			rank = sorting->ranks[first];
		if (first != SIZE_MAX)
			sorting->ranks[first] = rank;
	}
	sorting->ranks[at] = rank;
	return rank < before;
}

/* chains are short, and reasons may go in circles: until nothing gets lower */
static void rank_all(struct sorting *sorting)
{
	bool is_changed = true;

	for (size_t i = 0; i < sorting->count; i++)
		sorting->ranks[i] = RANK_UNKNOWN;
	while (is_changed) {
		is_changed = false;
		for (size_t i = 0; i < sorting->count; i++)
			is_changed |= rank_entry(sorting, i);
	}
	for (size_t i = 0; i < sorting->count; i++)
		if (sorting->ranks[i] == RANK_UNKNOWN)
			sorting->ranks[i] = sorting->top;
}

/* the entry, after the directories above it */
static int add_entry(struct sorting *sorting, struct layer *layer, size_t number, size_t at)
{
	struct entry *entry = manifest_at(sorting->manifest, at);
	int r = 0;

	for (const char *slash = strchr(entry->path, '/'); r == 0 && slash;
	     slash = strchr(slash + 1, '/')) {
		size_t parent = index_of(sorting, entry->path, (size_t)(slash - entry->path));

		if (parent == SIZE_MAX || sorting->seen[parent] == number)
			continue;
		sorting->seen[parent] = number;
		r = export_add(&layer->list, manifest_at(sorting->manifest, parent));
	}
	if (r < 0 || sorting->seen[at] == number)
		return r;
	sorting->seen[at] = number;
	return export_add(&layer->list, entry);
}

static int path_order(const void *left, const void *right)
{
	const struct entry *const *a = left, *const *b = right;

	return strcmp((*a)->path, (*b)->path);
}

static int add_layer(struct sorting *sorting, struct layers *layers, size_t rank)
{
	struct layer *layer = &layers->items[layers->count];
	int r = 0;

	for (size_t i = 0; r == 0 && i < sorting->count; i++)
		if (sorting->ranks[i] == rank)
			r = add_entry(sorting, layer, layers->count + 1, i);
	if (layer->list.count == 0)
		return r;
	layer->title = rank < sorting->files->count && rank != sorting->top
			       ? sorting->files->items[rank]
			       : "mkinitrd";
	qsort(layer->list.entries, layer->list.count, sizeof(struct entry *), path_order);
	layers->count++;
	return r;
}

int layers_make(const struct manifest *manifest, const struct strings *files,
		struct layers *ret_layers)
{
	CLEANUP(sorting_free)
	struct sorting sorting = {
		.manifest = manifest,
		.files = files,
		.count = manifest_count(manifest),
		.top = files->count < LAYERS_MOST - 1 ? files->count : LAYERS_MOST - 1,
	};
	int r = 0;

	sorting.ranks = calloc(sorting.count + 1, sizeof(*sorting.ranks));
	sorting.seen = calloc(sorting.count + 1, sizeof(*sorting.seen));
	ret_layers->items = calloc(sorting.top + 1, sizeof(struct layer));
	if (!sorting.ranks || !sorting.seen || !ret_layers->items)
		return fail(-ENOMEM, "cannot sort the tree into layers");
	rank_all(&sorting);
	for (size_t rank = 0; r == 0 && rank <= sorting.top; rank++)
		r = add_layer(&sorting, ret_layers, rank);
	return r < 0 ? fail(r, "cannot sort the tree into layers") : 0;
}
