/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_want.c - who wants a path, in reasons and in errors
 *
 * In:    a want: a relation, the entry or the line of a profile that asks
 * Out:   its words; entries with its reason and attributes
 * Not:   the path itself (resolve_path.c)
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "resolve_path.h"

void want_describe(const struct resolve *resolve, const struct want *want, struct text *text)
{
	const struct entry *by = want->by ? manifest_find(resolve->manifest, want->by) : NULL;

	text_add(text, want->relation);
	if (want->by)
		text_format(text, " of %s", want->by);
	if (by) {
		text_add(text, " <- ");
		manifest_chain(resolve->manifest, by, true, text);
	} else if (!want->by && want->at.file) {
		text_add(text, " (");
		origin_format(text, &want->at, true);
		text_add(text, ")");
	}
}

void resolve_relation(struct text *relation, const char *kind, const char *name,
		      const struct value *value)
{
	const char *why = value_text(value_get(value, "why", NULL), "");
	bool is_between = true; /* words, nothing said of this one yet */

	text_add(relation, kind);
	if (name)
		text_format(relation, " '%s'", name);
	for (bool is_first = true; *why; why++) {
		unsigned char byte = (unsigned char)*why;

		/* control bytes too: it is printed to terminals */
		if (byte <= ' ' || byte == 127) {
			is_between = true;
			continue;
		}
		if (is_between)
			text_add(relation, is_first ? ": " : " ");
		is_between = is_first = false;
		text_add_char(relation, *why);
	}
}

int want_fail(const struct resolve *resolve, int error, const char *what, const char *path,
	      const struct want *want, const char *advice)
{
	CLEANUP(text_free) struct text who = TEXT_EMPTY;

	want_describe(resolve, want, &who);
	return fail(error, "cannot %s '%s' in the root '%s', %s%s%s", what, path,
		    resolve->root->path, text_string(&who), advice ? "; " : "",
		    advice ? advice : "");
}

int want_fail_look(const struct resolve *resolve, int error, const char *path,
		   const struct want *want)
{
	if (error == -ELOOP)
		return want_fail(resolve, error, "follow", path, want,
				 "its symlinks lead in a circle, mend or drop them");
	return want_fail(resolve, error, "look at", path, want,
			 error == -EACCES ? "make it readable, or run as a user who may read it"
					  : NULL);
}

int want_add(struct resolve *resolve, const struct want *want, struct addition *addition,
	     struct entry **ret_entry)
{
	addition->is_named = want->is_named;
	addition->relation = want->relation;
	addition->by = want->by;
	addition->at = want->at;
	if (addition->type != ENTRY_SYMLINK && want->has_mode)
		addition->mode = want->mode;
	if (want->has_owner) {
		addition->uid = want->uid;
		addition->gid = want->gid;
	}
	return manifest_add(resolve->manifest, addition, ret_entry);
}
