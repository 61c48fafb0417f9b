/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_path.c - where a path leads to in the image as it is so far
 *
 * In:    a path, the entries of a manifest
 * Out:   the path with every symlink on the way followed
 * Facts: path_resolution(7): 40 symlinks, and ".." of the root is the root
 */
#include <errno.h>
#include <string.h>

#include "entry.h"

#define SYMLINKS_MOST 40

/* "a/b" becomes "a", "a" becomes "" */
static void cut_last(struct text *place)
{
	char *slash = place->data ? strrchr(place->data, '/') : NULL;

	place->length = slash ? (size_t)(slash - place->data) : 0;
	if (place->data)
		place->data[place->length] = '\0';
}

static void add_component(struct text *place, const char *name, size_t length)
{
	text_add(place, place->length ? "/" : "");
	text_add_bytes(place, name, length);
}

/* what is left to walk: the symlink's target, then @rest */
static int join_target(char **pending, const char *target, const char *rest)
{
	CLEANUP(text_free) struct text joined = TEXT_EMPTY;
	char *next = NULL;
	int r;

	text_format(&joined, "%s/%s", target, rest);
	r = text_take(&joined, &next);
	if (r < 0)
		return r;
	free(*pending);
	*pending = next;
	return strlen(next) > 2 * PATH_MOST ? -ENAMETOOLONG : 0;
}

int manifest_canonical(const struct manifest *manifest, const char *path, bool follow,
		       char **ret_path)
{
	CLEANUP(text_free) struct text place = TEXT_EMPTY;
	CLEANUP(memory_free) char *pending = strdup(path);
	unsigned followed = 0;
	const char *at = pending;

	if (!pending)
		return -ENOMEM;
	while (*at) {
		size_t length = strcspn(at, "/");
		const char *rest = at + length + strspn(at + length, "/");
		const struct entry *entry;
		int r;

		if (length == 2 && at[0] == '.' && at[1] == '.')
			cut_last(&place);
		else if (length && !(length == 1 && *at == '.'))
			add_component(&place, at, length);
		entry = place.length ? manifest_find(manifest, text_string(&place)) : NULL;
		at = rest;
		if (!entry || entry->type != ENTRY_SYMLINK || (!*rest && !follow))
			continue;
		if (++followed > SYMLINKS_MOST)
			return -ELOOP;
		cut_last(&place);
		if (entry->target[0] == '/')
			text_clear(&place);
		r = join_target(&pending, entry->target, rest);
		if (r < 0)
			return r;
		at = pending;
	}
	if (place.length == 0)
		text_add(&place, "");
	return text_take(&place, ret_path);
}
