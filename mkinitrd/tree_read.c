/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_read.c - what all readers of trees do (see tree_read.h)
 *
 * In:    names of entries, untrusted; objects
 * Out:   places in the tree; one line for what cannot have one
 */
#include <errno.h>
#include <string.h>

#include "entry.h"
#include "escape.h"
#include "fail.h"
#include "tree_read.h"

int tree_fail(const struct tree_reader *reader, int error, const char *path, const char *what)
{
	CLEANUP(text_free) struct text shown = TEXT_EMPTY;

	escape_name(&shown, path);
	(void)fail(0, "cannot take '%s' of %s: it %s", text_string(&shown), reader->label, what);
	return error;
}

int tree_place(const struct tree_reader *reader, const char *name, char **ret_path)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const char *at = name;

	if (*name == '/')
		return tree_fail(reader, -EXDEV, name, "has an absolute path");
	while (*at) {
		size_t length = strcspn(at, "/");

		if (length == 2 && at[0] == '.' && at[1] == '.')
			return tree_fail(reader, -EXDEV, name, "leads out of the tree with '..'");
		if (length && !(length == 1 && *at == '.')) {
			text_add(&path, path.length ? "/" : "");
			text_add_bytes(&path, at, length);
		}
		at += length + (at[length] == '/');
	}
	if (path.length + strlen(reader->at) + 2 > PATH_MOST)
		return tree_fail(reader, -ENAMETOOLONG, name, "has too long a path");
	if (text_take(&path, ret_path) < 0)
		return fail(-ENOMEM, "cannot read %s", reader->label);
	return 0;
}

int tree_add(struct tree_reader *reader, const char *path, struct tree_object *object)
{
	CLEANUP(text_free) struct text place = TEXT_EMPTY;
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	int r = 0;

	text_format(&place, "%s%s%s", reader->at, *reader->at ? "/" : "", path);
	if (object->type == ENTRY_FILE && !object->source.path) {
		text_format(&label, "%s:%s", reader->name, path);
		object->source.kind = SOURCE_TREE;
		r = text_take(&label, &object->source.path);
	}
	if (r == 0 && place.failed)
		r = -ENOMEM;
	if (r == 0)
		r = tree_put(reader->tree, text_string(&place), object);
	return r < 0 ? tree_fail(reader, r, path, tree_problem(r)) : 0;
}

int tree_grow(struct tree_reader *reader, const char *path, uint64_t size)
{
	CLEANUP(text_free) struct text what = TEXT_EMPTY;

	if (size <= reader->limit && reader->size <= reader->limit - size) {
		reader->size += size;
		return 0;
	}
	text_add(&what, "makes it larger than ");
	text_format(&what, "%llu bytes; if that is meant, raise 'limit:' of the tree",
		    (unsigned long long)reader->limit);
	return tree_fail(reader, -EFBIG, path, text_string(&what));
}
