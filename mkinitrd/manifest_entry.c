/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_entry.c - one entry of a manifest, and what additions make of it
 *
 * In:    an entry, an addition
 * Out:   the entry changed, with one more reason; whether both mean the same
 * Not:   which additions win (manifest.c), content (entry.c)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capability.h"
#include "entry.h"

static void source_clear(struct source *source)
{
	memory_free(&source->path);
	memory_free(&source->stored);
	memory_free(&source->bytes);
}

void entry_clear_reasons(struct entry *entry)
{
	for (size_t i = 0; i < entry->reason_count; i++) {
		free(entry->reasons[i].relation);
		free(entry->reasons[i].by);
	}
	memory_free(&entry->reasons);
	entry->reason_count = 0;
}

void entry_free(struct entry *entry)
{
	if (!entry)
		return;
	entry_clear_reasons(entry);
	source_clear(&entry->source);
	free(entry->target);
	free(entry->capabilities);
	xattrs_free(&entry->xattrs);
	free(entry->path);
	free(entry);
}

/* NULL is less than any string */
static int string_order(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

int reason_order(const void *left, const void *right)
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

int entry_add_reason(struct entry *entry, const struct addition *addition)
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

/* as text: of the attribute, or what @addition says */
static int copy_capabilities(const struct addition *addition, char **ret_text)
{
	const struct xattr *attribute = xattrs_find(&addition->xattrs, XATTR_CAPABILITY);
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	if (attribute)
		capability_format(attribute->value, attribute->size, &text);
	else if (addition->capabilities)
		text_add(&text, addition->capabilities);
	else
		return 0;
	return text_take(&text, ret_text);
}

int entry_set(struct entry *entry, struct addition *addition)
{
	CLEANUP(memory_free)
	char *target = addition->target ? strdup(addition->target) : NULL;
	CLEANUP(memory_free)
	char *source_path = addition->source.path ? strdup(addition->source.path) : NULL;
	CLEANUP(memory_free)
	char *stored = addition->source.stored ? strdup(addition->source.stored) : NULL;
	CLEANUP(memory_free) char *capabilities = NULL;
	struct xattrs xattrs;

	if ((addition->target && !target) || (addition->source.path && !source_path) ||
	    (addition->source.stored && !stored) ||
	    copy_capabilities(addition, &capabilities) < 0 ||
	    xattrs_copy(&addition->xattrs, &xattrs) < 0)
		return -ENOMEM;
	xattrs_free(&entry->xattrs);
	entry->xattrs = xattrs;
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
	entry->source.stored = text_pointer_take(&stored);
	entry->device_major = addition->device_major;
	entry->device_minor = addition->device_minor;
	entry->link_group = addition->link_group;
	entry->link = NULL;
	entry->nlink = 1;
	entry->is_tree = addition->is_tree;
	entry->is_named = addition->is_named;
	entry->is_early = addition->is_early;
	entry->size = addition->source.kind == SOURCE_CONTENT ? addition->source.byte_count : 0;
	addition->source.bytes = NULL;
	return 0;
}

bool entry_same_source(const struct entry *entry, const struct addition *addition)
{
	const struct source *a = &entry->source, *b = &addition->source;

	if (entry->type != addition->type)
		return false;
	if (entry->type == ENTRY_DIRECTORY)
		return true;
	if (entry->type == ENTRY_SYMLINK)
		return text_equal(entry->target, addition->target);
	if (entry->type != ENTRY_FILE)
		return entry->device_major == addition->device_major &&
		       entry->device_minor == addition->device_minor;
	if (a->kind != b->kind || a->decompress != b->decompress)
		return false;
	if (a->kind == SOURCE_CONTENT)
		return a->byte_count == b->byte_count &&
		       (b->byte_count == 0 || memcmp(a->bytes, b->bytes, a->byte_count) == 0);
	return a->kind == SOURCE_NONE ||
	       (a->directory_fd == b->directory_fd && string_order(a->path, b->path) == 0);
}

bool entry_same_attributes(const struct entry *entry, const struct addition *addition)
{
	return entry->mode == (addition->mode & 07777) && entry->uid == addition->uid &&
	       entry->gid == addition->gid && xattrs_equal(&entry->xattrs, &addition->xattrs);
}
