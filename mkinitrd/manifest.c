/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.c - the entries of an image, and who wanted each (see manifest.h)
 *
 * In:    additions, in any order
 * Out:   one entry a path, parents complete, sorted
 * Not:   one entry (manifest_entry.c), content (entry.c), parents and hard links
 *        (manifest_complete.c), chains of reasons as text (manifest_chain.c), JSON
 *        (manifest_json.c)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "fail.h"
#include "path_map.h"

struct manifest {
	struct entry **entries;
	size_t count, allocated;
	struct path_map places; /* entries by path */
	struct manifest_acceptance *acceptances;
	size_t acceptance_count;
	struct manifest_squashfs squashfs; /* valid when @has_squashfs */
	bool has_squashfs;
	struct strings labels; /* origins' file names of a manifest that was read from JSON */
};

struct manifest *manifest_new(void)
{
	return calloc(1, sizeof(struct manifest));
}

void manifest_free(struct manifest *manifest)
{
	if (!manifest)
		return;
	for (size_t i = 0; i < manifest->count; i++)
		entry_free(manifest->entries[i]);
	for (size_t i = 0; i < manifest->acceptance_count; i++) {
		free(manifest->acceptances[i].key);
		free(manifest->acceptances[i].reason);
	}
	free(manifest->acceptances);
	free(manifest->entries);
	path_map_free(&manifest->places);
	strings_free(&manifest->labels);
	free(manifest);
}

/* room for one more entry */
static int manifest_reserve(struct manifest *manifest)
{
	size_t allocated = manifest->allocated ? manifest->allocated * 2 : 256;
	struct entry **entries;

	if (manifest->count < manifest->allocated)
		return 0;
	entries = reallocarray(manifest->entries, allocated, sizeof(struct entry *));
	if (!entries)
		return -ENOMEM;
	manifest->entries = entries;
	manifest->allocated = allocated;
	return 0;
}

struct entry *manifest_find(const struct manifest *manifest, const char *path)
{
	return path_map_get(&manifest->places, path);
}

size_t manifest_count(const struct manifest *manifest)
{
	return manifest->count;
}

struct entry *manifest_at(const struct manifest *manifest, size_t index)
{
	return manifest->entries[index];
}

const char *manifest_file_label(struct manifest *manifest, const char *file, size_t length)
{
	char *copy;

	/* labels repeat from line to line: the last one is nearly always the right one */
	for (size_t i = manifest->labels.count; i > 0; i--)
		if (strlen(manifest->labels.items[i - 1]) == length &&
		    memcmp(manifest->labels.items[i - 1], file, length) == 0)
			return manifest->labels.items[i - 1];
	copy = strndup(file, length);
	if (!copy || strings_take_in(&manifest->labels, copy) < 0)
		return NULL;
	return copy;
}

/* canonical, below the root, and not one of the two that the writer adds */
static int addition_check(const struct addition *addition)
{
	const char *path = addition->path;

	if (!path_is_canonical(path))
		return fail(0, "'%s' is no path that an image can hold", path);
	if (strlen(path) >= PATH_MOST ||
	    (addition->target && strlen(addition->target) >= PATH_MOST))
		return fail(-ENAMETOOLONG, "'%s'", path);
	if (!manifest_text_fits(path) ||
	    (addition->target && !manifest_text_fits(addition->target)))
		return fail(0, "'%s' or its symlink target is not UTF-8; rename the file", path);
	for (size_t i = 0; i < addition->xattrs.count; i++)
		if (!manifest_text_fits(addition->xattrs.items[i].name))
			return fail(0, "an extended attribute of '%s' has a name that is not UTF-8",
				    path);
	if (addition->type == ENTRY_SYMLINK && (!addition->target || !*addition->target))
		return fail(0, "symlink '%s' has no target", path);
	if (text_equal(path, MANIFEST_PATH) || text_equal(path, COMPLETE_PATH))
		return fail(-EEXIST, "'%s' is written by mkinitrd itself", path);
	return 0;
}

static int manifest_append(struct manifest *manifest, struct addition *addition,
			   struct entry **ret_entry)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	int r = -ENOMEM;

	if (entry) {
		entry->source.directory_fd = -1;
		entry->path = strdup(addition->path);
	}
	if (entry && entry->path)
		r = entry_set(entry, addition);
	if (r == 0)
		r = entry_add_reason(entry, addition);
	if (r == 0)
		r = manifest_reserve(manifest);
	if (r == 0)
		r = path_map_put(&manifest->places, entry->path, entry, NULL);
	if (r < 0) {
		entry_free(entry);
		return fail(r, "cannot note '%s'", addition->path);
	}
	manifest->entries[manifest->count++] = entry;
	*ret_entry = entry;
	return 1;
}

/* source, mode, owner and the chain of who wanted it so */
static void entry_describe_claim(const struct manifest *manifest, const struct entry *entry,
				 struct text *text)
{
	entry_describe_source(entry, text);
	text_format(text, " with mode %04o and owner %u:%u (", (unsigned)entry->mode, entry->uid,
		    entry->gid);
	manifest_chain(manifest, entry, true, text);
	text_add(text, ")");
}

/* two that want different things at one path: one line with both, and who wanted each */
static int conflict(const struct manifest *manifest, const struct entry *entry,
		    const struct addition *addition)
{
	CLEANUP(text_free) struct text first = TEXT_EMPTY;
	CLEANUP(text_free) struct text second = TEXT_EMPTY;
	struct reason reason = { .relation = strdupa(addition->relation), .at = addition->at };
	struct reason reasons[1];
	struct entry other = {
		.type = addition->type,
		.mode = addition->mode & 07777,
		.uid = addition->uid,
		.gid = addition->gid,
		.target = addition->target ? strdupa(addition->target) : NULL,
		.source = addition->source,
		.reasons = reasons,
		.reason_count = 1,
	};

	reason.by = addition->by ? strdupa(addition->by) : NULL;
	reasons[0] = reason;
	entry_describe_claim(manifest, entry, &first);
	entry_describe_claim(manifest, &other, &second);
	(void)fail(0, "'%s' is wanted twice, as %s, and as %s; drop one of them", addition->path,
		   text_string(&first), text_string(&second));
	return -EEXIST;
}

/* what mkinitrd makes itself: its programs, the indexes of modules */
static bool source_is_own(const struct source *source)
{
	return source->kind == SOURCE_TOOL || source->kind == SOURCE_CONTENT;
}

/* which of two that differ a tree is, if one of them is made here: 1 @entry, -1 @addition, 0 */
static int stands_back(const struct entry *entry, const struct addition *addition)
{
	if (entry->is_tree && !addition->is_tree && source_is_own(&addition->source))
		return 1;
	if (addition->is_tree && !entry->is_tree && source_is_own(&entry->source))
		return -1;
	return 0;
}

/* two that nobody named, and of different sources. Return: whether @addition replaces @entry, or
 * -errno (spoken) */
static int settle(const struct manifest *manifest, const struct entry *entry,
		  const struct addition *addition)
{
	int back = stands_back(entry, addition);
	int r;

	if (back)
		return back > 0;
	r = entry_same_content(entry, addition);
	if (r < 0)
		return r;
	return r ? 0 : conflict(manifest, entry, addition);
}

/* @entry stands at the path of @addition already */
static int manifest_merge(struct manifest *manifest, struct entry *entry, struct addition *addition)
{
	bool is_same = entry_same_source(entry, addition);
	bool both_named = entry->is_named && addition->is_named;
	bool replaces = addition->is_named && !entry->is_named;
	int r = 0;

	if (both_named && !(is_same && entry_same_attributes(entry, addition)))
		return conflict(manifest, entry, addition);
	if (!is_same && !entry->is_named && !addition->is_named) {
		r = settle(manifest, entry, addition);
		if (r < 0)
			return r;
		replaces = r;
		r = 0;
	}
	if (replaces)
		r = entry_set(entry, addition);
	else if (!addition->is_early)
		entry->is_early = false; /* it is wanted where everything is */
	if (r == 0)
		r = entry_add_reason(entry, addition);
	if (r < 0)
		return fail(r, "cannot note '%s'", addition->path);
	return replaces && !is_same;
}

int manifest_add(struct manifest *manifest, const struct addition *addition,
		 struct entry **ret_entry)
{
	struct addition taken = *addition;
	struct entry *entry;
	int r;

	r = addition_check(&taken);
	if (r == 0) {
		entry = manifest_find(manifest, taken.path);
		r = entry ? manifest_merge(manifest, entry, &taken)
			  : manifest_append(manifest, &taken, &entry);
		if (r >= 0 && ret_entry)
			*ret_entry = entry;
	}
	free(taken.source.bytes);
	return r;
}

int manifest_replace(struct manifest *manifest, const struct addition *addition,
		     struct entry **ret_entry)
{
	struct addition taken = *addition;
	struct entry *entry = manifest_find(manifest, taken.path);
	/* the strings of @addition may be the entry's own: they are copied before it changes */
	int r = addition_check(&taken);

	if (r == 0 && !entry) {
		r = manifest_append(manifest, &taken, &entry);
	} else if (r == 0) {
		r = entry_set(entry, &taken);
		if (r == 0) {
			entry_clear_reasons(entry);
			r = entry_add_reason(entry, &taken);
		}
		if (r < 0)
			r = fail(r, "cannot note '%s'", taken.path);
	}
	free(taken.source.bytes);
	if (r < 0)
		return r;
	*ret_entry = entry;
	return 0;
}

void manifest_drop(struct manifest *manifest,
		   bool (*is_gone)(const struct entry *entry, void *context), void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < manifest->count; i++) {
		struct entry *entry = manifest->entries[i];

		if (!is_gone(entry, context)) {
			manifest->entries[kept++] = entry;
			continue;
		}
		path_map_remove(&manifest->places, entry->path);
		entry_free(entry);
	}
	manifest->count = kept;
}

static int entry_order(const void *left, const void *right)
{
	const struct entry *const *a = left;
	const struct entry *const *b = right;

	return strcmp((*a)->path, (*b)->path);
}

static void manifest_sort(struct manifest *manifest)
{
	if (manifest->count)
		qsort(manifest->entries, manifest->count, sizeof(struct entry *), entry_order);
}

int manifest_accept(struct manifest *manifest, const char *key, const char *reason,
		    const struct origin *at)
{
	struct manifest_acceptance *list =
		reallocarray(manifest->acceptances, manifest->acceptance_count + 1, sizeof(*list));
	struct manifest_acceptance acceptance = { .at = *at };

	if (!list)
		return -ENOMEM;
	manifest->acceptances = list;
	acceptance.key = strdup(key);
	acceptance.reason = strdup(reason);
	list[manifest->acceptance_count++] = acceptance;
	return acceptance.key && acceptance.reason ? 0 : -ENOMEM;
}

const struct manifest_squashfs *manifest_squashfs(const struct manifest *manifest)
{
	return manifest->has_squashfs ? &manifest->squashfs : NULL;
}

void manifest_set_squashfs(struct manifest *manifest, const struct manifest_squashfs *squashfs)
{
	manifest->squashfs = *squashfs;
	manifest->has_squashfs = true;
}

size_t manifest_acceptance_count(const struct manifest *manifest)
{
	return manifest->acceptance_count;
}

const struct manifest_acceptance *manifest_acceptance_at(const struct manifest *manifest,
							 size_t index)
{
	return &manifest->acceptances[index];
}

static int acceptance_order(const void *left, const void *right)
{
	const struct manifest_acceptance *a = left, *b = right;

	return strcmp(a->key, b->key);
}

int manifest_finish(struct manifest *manifest,
		    mode_t (*parent_mode)(const char *path, void *context), void *context)
{
	size_t count = manifest->count;

	if (manifest->acceptance_count)
		qsort(manifest->acceptances, manifest->acceptance_count,
		      sizeof(*manifest->acceptances), acceptance_order);
	/* sorted first: who is named as wanting a parent must not depend on the order of addition
	 */
	manifest_sort(manifest);
	for (size_t i = 0; i < count; i++) {
		struct entry *entry = manifest->entries[i];
		int r = manifest_add_parents(manifest, entry, parent_mode, context);

		if (r < 0)
			return r;
		qsort(entry->reasons, entry->reason_count, sizeof(*entry->reasons), reason_order);
	}
	manifest_sort(manifest);
	return manifest_link(manifest);
}
