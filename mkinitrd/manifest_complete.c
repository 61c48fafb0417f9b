/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_complete.c - what a manifest owes to all of its entries together
 *
 * In:    entries, sorted
 * Out:   the directories above them; hard links that point to the first name of their file
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "entry.h"
#include "fail.h"

static int fail_below(const struct manifest *manifest, const struct entry *entry,
		      const struct entry *parent)
{
	CLEANUP(text_free) struct text chain = TEXT_EMPTY;

	manifest_chain(manifest, entry, true, &chain);
	(void)fail(0, "'%s' (%s) cannot be below '%s', which is a %s in the image", entry->path,
		   text_string(&chain), parent->path,
		   parent->type == ENTRY_SYMLINK ? "symlink"
		   : parent->type == ENTRY_FILE  ? "file"
						 : "device or fifo");
	return -ENOTDIR;
}

int manifest_add_parents(struct manifest *manifest, const struct entry *entry,
			 mode_t (*parent_mode)(const char *path, void *context), void *context)
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

/* hard links by group, then by path */
static int link_order(const void *left, const void *right)
{
	const struct entry *a = *(const struct entry *const *)left;
	const struct entry *b = *(const struct entry *const *)right;

	if (a->link_group != b->link_group)
		return a->link_group < b->link_group ? -1 : 1;
	return strcmp(a->path, b->path);
}

int manifest_link(struct manifest *manifest)
{
	CLEANUP(memory_free) struct entry **links = NULL;
	struct entry *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < manifest_count(manifest); i++)
		count += manifest_at(manifest, i)->link_group != 0;
	if (count == 0)
		return 0;
	links = calloc(count, sizeof(struct entry *));
	if (!links)
		return fail(-ENOMEM, "cannot join hard links");
	count = 0;
	for (size_t i = 0; i < manifest_count(manifest); i++)
		if (manifest_at(manifest, i)->link_group)
			links[count++] = manifest_at(manifest, i);
	qsort(links, count, sizeof(struct entry *), link_order);
	for (size_t i = 0; i < count; i++) {
		bool is_first = !first || first->link_group != links[i]->link_group;

		if (is_first)
			first = links[i];
		links[i]->link = is_first ? NULL : first;
		first->nlink = is_first ? 1 : first->nlink + 1;
	}
	for (size_t i = 0; i < count; i++)
		if (links[i]->link)
			links[i]->nlink = links[i]->link->nlink;
	return 0;
}
