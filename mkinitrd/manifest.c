/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.c - the entries of an image, and who wanted each (see manifest.h)
 *
 * In:    additions, in any order
 * Out:   one entry a path, parents complete, sorted
 * Not:   content (entry.c), chains of reasons as text (manifest_chain.c), JSON (manifest_json.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "entry.h"
#include "fail.h"
#include "path_map.h"

struct manifest {
	struct entry **entries;
	size_t count, allocated;
	struct path_map places; /* entries by path */
	struct manifest_acceptance *acceptances;
	size_t acceptance_count;
	struct strings labels; /* origins' file names of a manifest that was read from JSON */
};

struct manifest *manifest_new(void)
{
	return calloc(1, sizeof(struct manifest));
}

static void source_clear(struct source *source)
{
	memory_free(&source->path);
	memory_free(&source->bytes);
}

static void entry_free(struct entry *entry)
{
	if (!entry)
		return;
	for (size_t i = 0; i < entry->reason_count; i++) {
		free(entry->reasons[i].relation);
		free(entry->reasons[i].by);
	}
	free(entry->reasons);
	source_clear(&entry->source);
	free(entry->target);
	free(entry->capabilities);
	free(entry->path);
	free(entry);
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

/* NULL is less than any string */
static int string_order(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
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

/* lines of profiles first, in their order; then entries by path */
static int reason_order(const void *left, const void *right)
{
	const struct reason *a = left, *b = right;
	int r = string_order(a->by, b->by);

	if (r == 0)
		r = string_order(a->at.file, b->at.file);
	if (r == 0)
		r = (a->at.line > b->at.line) - (a->at.line < b->at.line);
	if (r == 0)
		r = (a->at.column > b->at.column) - (a->at.column < b->at.column);
	return r ? r : strcmp(a->relation, b->relation);
}

/* the reason of @addition, unless an equal one is there */
static int entry_add_reason(struct entry *entry, const struct addition *addition)
{
	CLEANUP(memory_free) char *relation = strdup(addition->relation);
	CLEANUP(memory_free) char *by = addition->by ? strdup(addition->by) : NULL;
	struct reason reason = { .relation = relation, .by = by };
	struct reason *reasons;

	if (!relation || (addition->by && !by))
		return -ENOMEM;
	if (!by)
		reason.at = addition->at;
	for (size_t i = 0; i < entry->reason_count; i++)
		if (reason_order(&entry->reasons[i], &reason) == 0)
			return 0;
	reasons = reallocarray(entry->reasons, entry->reason_count + 1, sizeof(*reasons));
	if (!reasons)
		return -ENOMEM;
	entry->reasons = reasons;
	reasons[entry->reason_count++] = reason;
	relation = NULL;
	by = NULL;
	return 0;
}

/* what @addition says of the entry itself: all but path and reason. Takes source.bytes over. */
static int entry_set(struct entry *entry, struct addition *addition)
{
	CLEANUP(memory_free)
	char *target = addition->target ? strdup(addition->target) : NULL;
	CLEANUP(memory_free)
	char *source_path = addition->source.path ? strdup(addition->source.path) : NULL;
	CLEANUP(memory_free)
	char *capabilities = addition->capabilities ? strdup(addition->capabilities) : NULL;

	if ((addition->target && !target) || (addition->source.path && !source_path) ||
	    (addition->capabilities && !capabilities))
		return -ENOMEM;
	source_clear(&entry->source);
	free(entry->target);
	free(entry->capabilities);
	entry->type = addition->type;
	entry->mode = addition->mode & 07777;
	entry->uid = addition->uid;
	entry->gid = addition->gid;
	entry->target = text_pointer_take(&target);
	entry->capabilities = text_pointer_take(&capabilities);
	entry->source = addition->source;
	entry->source.path = text_pointer_take(&source_path);
	entry->is_named = addition->is_named;
	entry->is_early = addition->is_early;
	entry->size = addition->source.kind == SOURCE_CONTENT ? addition->source.byte_count : 0;
	addition->source.bytes = NULL;
	return 0;
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

static bool same_source(const struct entry *entry, const struct addition *addition)
{
	const struct source *a = &entry->source, *b = &addition->source;

	if (entry->type != addition->type)
		return false;
	if (entry->type == ENTRY_DIRECTORY)
		return true;
	if (entry->type == ENTRY_SYMLINK)
		return text_equal(entry->target, addition->target);
	if (a->kind != b->kind || a->decompress != b->decompress)
		return false;
	if (a->kind == SOURCE_CONTENT)
		return a->byte_count == b->byte_count &&
		       (b->byte_count == 0 || memcmp(a->bytes, b->bytes, a->byte_count) == 0);
	return a->kind == SOURCE_NONE ||
	       (a->directory_fd == b->directory_fd && string_order(a->path, b->path) == 0);
}

static bool same_attributes(const struct entry *entry, const struct addition *addition)
{
	return entry->mode == (addition->mode & 07777) && entry->uid == addition->uid &&
	       entry->gid == addition->gid;
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

/* @entry stands at the path of @addition already */
static int manifest_merge(struct manifest *manifest, struct entry *entry, struct addition *addition)
{
	bool is_same = same_source(entry, addition);
	bool both_named = entry->is_named && addition->is_named;
	bool replaces = addition->is_named && !entry->is_named;
	int r = 0;

	if (both_named && !(is_same && same_attributes(entry, addition)))
		return conflict(manifest, entry, addition);
	if (!is_same && !entry->is_named && !addition->is_named) {
		r = entry_same_content(entry, addition);
		if (r < 0)
			return r;
		if (r == 0)
			return conflict(manifest, entry, addition);
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

static int fail_below(const struct manifest *manifest, const struct entry *entry,
		      const struct entry *parent)
{
	CLEANUP(text_free) struct text chain = TEXT_EMPTY;

	manifest_chain(manifest, entry, true, &chain);
	(void)fail(0, "'%s' (%s) cannot be below '%s', which is a %s in the image", entry->path,
		   text_string(&chain), parent->path,
		   parent->type == ENTRY_SYMLINK ? "symlink" : "file");
	return -ENOTDIR;
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

/* every directory above @entry, nearest last; wanted by @entry when it is not there yet */
static int manifest_add_parents(struct manifest *manifest, const struct entry *entry,
				mode_t (*parent_mode)(const char *path, void *context),
				void *context)
{
	CLEANUP(memory_free) char *path = strdup(entry->path);

	if (!path)
		return fail(-ENOMEM, "cannot add the directories above '%s'", entry->path);
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct entry *parent;
		int r = 0;

		*slash = '\0';
		parent = manifest_find(manifest, path);
		if (!parent)
			r = manifest_add(
				manifest,
				&(struct addition){
					.path = path,
					.type = ENTRY_DIRECTORY,
					.mode = parent_mode ? parent_mode(path, context) : 0755,
					.is_early = entry->is_early,
					.source.directory_fd = -1,
					.relation = "parent directory",
					.by = entry->path,
				},
				NULL);
		else if (parent->type != ENTRY_DIRECTORY)
			return fail_below(manifest, entry, parent);
		else if (!entry->is_early)
			parent->is_early = false;
		if (r < 0)
			return r;
		*slash = '/';
	}
	return 0;
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
	return 0;
}
