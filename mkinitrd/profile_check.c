/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_check.c - does a tree of values have the shape that the schema asks for?
 *
 * In:    a tree, the table of profile_schema.c, the forms of text (profile_form.c)
 * Out:   errors, a line each
 * Not:   what the values lead to: programs and files that must exist (resolve_*.c), services and
 *        containers named by others (plan.c)
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "fail.h"
#include "keypath.h"
#include "options.h"
#include "profile_schema.h"

#define SHOWN_LIMIT 60

struct check {
	const struct schema_row *rows;
	const struct profile *profile; /* NULL: one file, before it is merged */
	bool all;
	unsigned count;
	struct text path; /* of the value at hand */
};

static bool check_is_over(const struct check *check)
{
	return check->count && !check->all;
}

static void PRINTF_LIKE(3, 4)
	check_fail(struct check *check, const struct origin *origin, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)fail_at_list(origin, format, arguments);
	va_end(arguments);
	check->count++;
}

static const char *nearest_of(const char *word, const struct strings *words)
{
	return words->items ? word_nearest(word, (const char *const *)words->items) : NULL;
}

/* ---- values ---- */

/* how a value is named in an error: its text, as far as it fits on the line */
static void add_shown(struct text *text, const struct value *value)
{
	static const char *const kinds[] = { "null", "text", "a list", "a map" };
	const char *scalar = value_text(value, NULL);

	if (scalar && strlen(scalar) <= SHOWN_LIMIT && !strpbrk(scalar, "\n\r\t\x1b"))
		text_format(text, "'%s'", scalar);
	else
		text_add(text, kinds[value->kind]);
}

static void fail_kind(struct check *check, const struct schema_row *row, const struct value *value)
{
	CLEANUP(text_free) struct text expected = TEXT_EMPTY;
	CLEANUP(text_free) struct text shown = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	const char *nearest = NULL;

	words_split(row->words, &words);
	if (value->kind == VALUE_SCALAR)
		nearest = nearest_of(value->scalar, &words);
	schema_row_expected(&expected, row);
	if (row->kinds & KIND_CRYPT)
		text_add(&shown, "not one"); /* it may be a password as it is */
	else
		add_shown(&shown, value);
	check_fail(check, &value->origin, "'%s' (%s) is %s; expected %s%s%s%s",
		   text_string(&check->path), row->help, text_string(&shown),
		   text_string(&expected), nearest ? "; did you mean '" : "",
		   nearest ? nearest : "", nearest ? "'?" : "");
}

static bool word_is_later(const struct schema_row *row, const char *word)
{
	return row->later && (text_equal(row->later, "*") || words_have(row->later, word));
}

/* what of a text in @row stays for others to fill in */
static const char *kept_name(const struct schema_row *row)
{
	return row->kinds & KIND_OUTPUT ? "output" : NULL;
}

static void check_scalar(struct check *check, const struct schema_row *row,
			 const struct value *value)
{
	CLEANUP(memory_free) char *expanded = NULL;
	const char *text = value->scalar;

	if (row->kinds & KIND_EXPANDED && strchr(text, '$')) {
		/* the form is that of what it stands for, which only the whole knows */
		if (!check->profile)
			return;
		if (profile_expand(check->profile, text, value->origin, &expanded) < 0) {
			check->count++;
			return;
		}
		text = expanded;
	}
	if (schema_row_takes(row, value, text))
		return;
	if (word_is_later(row, text))
		check_fail(check, &value->origin,
			   "'%s: %s' (%s) is not supported by this version, which knows: %s",
			   text_string(&check->path), text, row->help, row->words);
	else
		fail_kind(check, row, value);
}

static void check_list(struct check *check, const struct schema_row *row, const struct value *list)
{
	for (size_t i = 0; i < list->count && !check_is_over(check); i++) {
		if (list->items[i]->kind != VALUE_SCALAR)
			check_fail(check, &list->items[i]->origin, "'%s' (%s) holds %s, not text",
				   text_string(&check->path), row->help,
				   list->items[i]->kind == VALUE_NULL   ? "a null"
				   : list->items[i]->kind == VALUE_LIST ? "a list"
									: "a map");
		else if (check->profile && row->kinds & KIND_EXPANDED) {
			CLEANUP(memory_free) char *expanded = NULL;

			if (profile_expand_for(check->profile, list->items[i]->scalar,
					       list->items[i]->origin, kept_name(row),
					       &expanded) < 0)
				check->count++;
		}
	}
}

/* ---- keys ---- */

/* the misspelt key's likeliest meaning: a neighbour, or the same key in another place */
static void add_key_hint(const struct schema_row *rows, struct text *text,
			 const struct schema_row *parent, const char *key)
{
	CLEANUP(strings_free) struct strings neighbours = STRINGS_EMPTY;
	const char *nearest;

	for (const struct schema_row *row = rows; row->path; row++)
		if (schema_row_is_below(row, parent))
			(void)strings_add(&neighbours, schema_row_key(row));
	nearest = nearest_of(key, &neighbours);
	if (nearest) {
		text_format(text, "did you mean '%s'?", nearest);
		return;
	}
	for (const struct schema_row *row = rows; row->path; row++)
		if (text_equal(schema_row_key(row), key) && !strchr(row->path, '*')) {
			text_format(text, "did you mean '%s'?", row->path);
			return;
		}
	text_add(text, "known here:");
	for (size_t i = 0; i < neighbours.count; i++)
		text_format(text, "%s %s", i ? "," : "", neighbours.items[i]);
}

static void check_value(struct check *check, const struct schema_row *row,
			const struct value *value);

static void check_entry(struct check *check, const struct schema_row *parent,
			const struct value *map, size_t i)
{
	const char *key = map->keys[i];
	const struct schema_row *row = schema_row_find_in(check->rows, parent, key);
	size_t length = check->path.length;
	const char *problem;

	keypath_add(&check->path, key);
	problem = row && row->key_problem ? row->key_problem(key) : NULL;
	if (!row) {
		CLEANUP(text_free) struct text hint = TEXT_EMPTY;

		add_key_hint(check->rows, &hint, parent, key);
		check_fail(check, &map->key_origins[i], "unknown key '%s'; %s",
			   text_string(&check->path), text_string(&hint));
	} else if (problem) {
		check_fail(check, &map->key_origins[i], "'%s' in '%.*s' %s", key, (int)length,
			   text_string(&check->path), problem);
	} else if (map->items[i]->kind == VALUE_NULL) {
		; /* removes: what was never there may be removed, too */
	} else if (row->kinds == KIND_LATER) {
		check_fail(check, &map->key_origins[i],
			   "'%s' (%s) is not supported by this version; leave it out",
			   text_string(&check->path), row->help);
	} else {
		check_value(check, row, map->items[i]);
	}
	check->path.length = length;
	if (check->path.data)
		check->path.data[length] = '\0';
}

static void check_map(struct check *check, const struct schema_row *row, const struct value *map)
{
	for (size_t i = 0; i < map->count && !check_is_over(check); i++)
		check_entry(check, row, map, i);
}

static void check_conflicts(struct check *check, const struct schema_row *row,
			    const struct value *map)
{
	for (const struct schema_conflict *conflict = schema_conflicts; conflict->path;
	     conflict++) {
		CLEANUP(strings_free) struct strings others = STRINGS_EMPTY;
		const struct value *value = value_map_get(map, conflict->key);

		if (!value || !text_equal(conflict->path, row->path))
			continue;
		words_split(conflict->others, &others);
		for (size_t i = 0; i < others.count && !check_is_over(check); i++) {
			const struct value *other = value_map_get(map, others.items[i]);
			CLEANUP(text_free) struct text where = TEXT_EMPTY;

			if (!other)
				continue;
			origin_format(&where, &value->origin, false);
			check_fail(check, &other->origin,
				   "'%s' has both '%s' and '%s' (%s); set one of them to null",
				   text_string(&check->path), others.items[i], conflict->key,
				   text_string(&where));
		}
	}
}

static void check_value(struct check *check, const struct schema_row *row,
			const struct value *value)
{
	if (value->kind == VALUE_MAP && row->kinds & KIND_MAP) {
		check_map(check, row, value);
		if (check->profile && !check_is_over(check))
			check_conflicts(check, row, value);
	} else if (value->kind == VALUE_LIST && row->kinds & KIND_TEXTS) {
		check_list(check, row, value);
	} else if (value->kind == VALUE_SCALAR) {
		check_scalar(check, row, value);
	} else {
		fail_kind(check, row, value);
	}
}

static unsigned check_tree(struct check *check, const struct value *root, const char *key)
{
	if (root->kind == VALUE_MAP)
		check_map(check, NULL, root);
	else
		check_fail(check, &root->origin, "expected a map of keys such as '%s:'", key);
	text_free(&check->path);
	return check->count;
}

unsigned schema_check(const struct value *root, bool all)
{
	struct check check = { .rows = schema_rows, .all = all };

	return check_tree(&check, root, "programs");
}

unsigned schema_check_definition(const struct value *root)
{
	struct check check = { .rows = definition_rows };

	return check_tree(&check, root, "profile");
}

unsigned schema_check_stacked(const struct profile *profile, bool all)
{
	struct check check = { .rows = schema_rows, .profile = profile, .all = all };

	check_map(&check, NULL, profile->root);
	text_free(&check.path);
	return check.count;
}
