/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_export.c - what the commands that write a tree share (see tree_export.h)
 *
 * In:    a manifest, options
 * Out:   lists of entries, names, what is said at the end
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "tree_export.h"
#include "../init/lib/number.h"

void export_free(struct export_list *list)
{
	free(list->entries);
	*list = EXPORT_LIST_EMPTY;
}

int export_add(struct export_list *list, struct entry *entry)
{
	/* room doubles when the count is a power of two */
	if ((list->count & (list->count - 1)) == 0) {
		size_t room = list->count ? 2 * list->count : 1;
		struct entry **entries = reallocarray(list->entries, room, sizeof(struct entry *));

		if (!entries)
			return -ENOMEM;
		list->entries = entries;
	}
	list->entries[list->count++] = entry;
	list->content += entry_own_size(entry);
	return 0;
}

int export_list_all(const struct manifest *manifest, struct export_list *ret_list)
{
	int r = 0;

	if (manifest_count(manifest) == 0)
		return fail(0, "the tree would be empty; give its profile 'programs:', 'files:' or "
			       "'trees:'");
	for (size_t i = 0; r == 0 && i < manifest_count(manifest); i++)
		r = export_add(ret_list, manifest_at(manifest, i));
	return r < 0 ? fail(r, "cannot list the tree") : 0;
}

int export_path(const struct build *build, const char *ending, char **ret_path)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	if (build->options->output)
		text_add(&path, build->options->output);
	else
		text_format(&path, "%s%s", build->profile.name, ending);
	return text_take(&path, ret_path) < 0 ? fail(-ENOMEM, "cannot write the tree") : 0;
}

void export_summary(const char *path, const struct export_list *list, uint64_t size,
		    const struct timespec *start)
{
	CLEANUP(text_free) struct text summary = TEXT_EMPTY;
	struct timespec end = { 0 };
	uint64_t content = 0;

	for (size_t i = 0; i < list->count; i++)
		content += entry_own_size(list->entries[i]);
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	text_format(&summary, "%s: %zu entries, ", path, list->count);
	size_format(&summary, content);
	text_add(&summary, " in, ");
	size_format(&summary, size);
	text_format(&summary, " out, written and verified in %.1f s",
		    (double)(end.tv_sec - start->tv_sec) +
			    (double)(end.tv_nsec - start->tv_nsec) / 1e9);
	say("%s", text_string(&summary));
}

int export_no_profile(const char *command)
{
	(void)fail(0,
		   "no profile given; say which with -p NAME ('mkinitrd profile list' shows them, "
		   "'mkinitrd %s --help' the rest)",
		   command);
	return EXIT_USAGE;
}
