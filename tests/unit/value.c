/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.c - trees of values, laid over each other; the paths to values; near words
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "mkinitrd/keypath.h"
#include "mkinitrd/options.h"
#include "mkinitrd/profile.h"
#include "mkinitrd/profile_parse.h"

/* a tree in one line: {a: x, b: [y, z]}, with the line that a scalar comes from */
static void dump(struct text *text, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		text_add(text, "null");
		break;
	case VALUE_SCALAR:
		text_format(text, "%s@%s%u", value->scalar, value->origin.file, value->origin.line);
		break;
	case VALUE_LIST:
	case VALUE_MAP:
		text_add_char(text, value->kind == VALUE_MAP ? '{' : '[');
		for (size_t i = 0; i < value->count; i++) {
			text_add(text, i ? " " : "");
			if (value->kind == VALUE_MAP)
				text_format(text, "%s:", value->keys[i]);
			dump(text, value->items[i]);
		}
		text_add_char(text, value->kind == VALUE_MAP ? '}' : ']');
		break;
	}
}

static struct value *parse(const char *string, const char *label)
{
	struct value *value = NULL;

	assert_int_equal(profile_parse(string, strlen(string), label, &value), 0);
	return value;
}

static void maps_merge_and_all_else_replaces(void **state UNUSED)
{
	static const struct {
		const char *base, *above, *merged;
	} rows[] = {
		{ "{}", "{a: x}", "{a:x@above1}" },
		{ "{a: x}", "{b: y}", "{a:x@base1 b:y@above1}" },
		{ "{a: x, b: z}", "{a: y}", "{a:y@above1 b:z@base1}" },
		{ "{a: {b: x, c: y}}", "{a: {c: z}}", "{a:{b:x@base1 c:z@above1}}" },
		{ "{a: [x, y]}", "{a: [z]}", "{a:[z@above1]}" },
		{ "{a: [x]}", "{a: []}", "{a:[]}" },
		{ "{a: {b: x}}", "{a: y}", "{a:y@above1}" },
		{ "{a: y}", "{a: {b: x}}", "{a:{b:x@above1}}" },
		{ "{a: {b: x}}", "{a: {}}", "{a:{b:x@base1}}" },
		/* null removes, wherever it lies, and leaves no trace */
		{ "{a: x, b: y}", "{a: null}", "{b:y@base1}" },
		{ "{a: x, b: y}", "{a: ~, b: }", "{}" },
		{ "{a: {b: x, c: y}}", "{a: {b: null}}", "{a:{c:y@base1}}" },
		{ "{}", "{a: null, b: {c: null, d: {e: null}}}", "{b:{d:{}}}" },
		{ "{a: x}", "{a: {b: null, c: y}}", "{a:{c:y@above1}}" },
		/* in quotes it is text */
		{ "{a: x}", "{a: \"null\"}", "{a:null@above1}" },
		/* removed and said again: at the end */
		{ "{a: x, b: y}", "{\n  b: z,\n  a: w}", "{a:w@above3 b:z@above2}" },
		{ "[x]", "{a: null, b: y}", "{b:y@above1}" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(value_cleanup) struct value *base = parse(rows[i].base, "base");
		CLEANUP(value_cleanup) struct value *above = parse(rows[i].above, "above");
		CLEANUP(text_free) struct text merged = TEXT_EMPTY;

		print_message("row: %s over %s\n", rows[i].above, rows[i].base);
		assert_int_equal(value_merge(base, above), 0);
		dump(&merged, base);
		assert_string_equal(text_string(&merged), rows[i].merged);
	}
}

static void values_are_found_by_their_keys(void **state UNUSED)
{
	CLEANUP(value_cleanup)
	struct value *root = parse("{a: {b: x, n: null}, l: [y], s: t}", "r");

	assert_string_equal(value_text(value_get(root, "a", "b", NULL), ""), "x");
	assert_null(value_get(root, "a", "c", NULL));
	assert_null(value_get(root, "a", "n", NULL));
	assert_null(value_get(root, "z", "b", NULL));
	assert_null(value_get(root, "s", "b", NULL));
	assert_null(value_get(root, "l", "y", NULL));
	assert_null(value_get(NULL, "a", NULL));
	assert_null(value_map_get(NULL, "a"));
	assert_string_equal(value_text(value_get(root, "l", NULL), "none"), "none");
	assert_string_equal(value_text(NULL, "none"), "none");
}

static void paths_are_split_and_joined(void **state UNUSED)
{
	static const struct {
		const char *path;
		int result;
		const char *keys[4];
		const char *rest;
		bool is_canonical; /* joined, it is what it was */
	} rows[] = {
		{ "a", 0, { "a" }, "", true },
		{ "a.b.c=x.y=z", 0, { "a", "b", "c" }, "=x.y=z", true },
		{ "files.\"/etc/x.conf\".mode=0600",
		  0,
		  { "files", "/etc/x.conf", "mode" },
		  "=0600",
		  true },
		{ "files./etc/x=", 0, { "files", "/etc/x" }, "=", true },
		{ "c.image:latest=1", 0, { "c", "image:latest" }, "=1", true },
		{ "c.\"a=b\"", 0, { "c", "a=b" }, "", true },
		{ "\"a\\\"\\\\\"", 0, { "a\"\\" }, "", true },
		{ "\"a\"=1", 0, { "a" }, "=1", false },
		{ "", -EINVAL, { NULL }, NULL, false },
		{ "=x", -EINVAL, { NULL }, NULL, false },
		{ "a..b=x", -EINVAL, { NULL }, NULL, false },
		{ "a.=x", -EINVAL, { NULL }, NULL, false },
		{ "a.\"b=x", -EINVAL, { NULL }, NULL, false },
		{ "a.\"\"=x", -EINVAL, { NULL }, NULL, false },
		{ "a.\"b\"c=x", -EINVAL, { NULL }, NULL, false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(strings_free) struct strings keys = STRINGS_EMPTY;
		CLEANUP(text_free) struct text joined = TEXT_EMPTY;
		const char *rest = NULL;

		print_message("row: %s\n", rows[i].path);
		assert_int_equal(keypath_parse(rows[i].path, &keys, &rest), rows[i].result);
		if (rows[i].result < 0)
			continue;
		assert_string_equal(rest, rows[i].rest);
		for (size_t j = 0; j < keys.count; j++) {
			assert_string_equal(keys.items[j], rows[i].keys[j]);
			keypath_add(&joined, keys.items[j]);
		}
		assert_null(rows[i].keys[keys.count]);
		text_add(&joined, rest);
		if (rows[i].is_canonical)
			assert_string_equal(text_string(&joined), rows[i].path);
		else
			assert_string_not_equal(text_string(&joined), rows[i].path);
	}
}

static void near_words_are_found(void **state UNUSED)
{
	static const char *const words[] = { "programs", "profile", "build", "ls", "kernel", NULL };
	static const struct {
		const char *word, *nearest;
	} rows[] = {
		{ "progams", "programs" },
		{ "PROGRAMS", "programs" },
		{ "bulid", "build" },
		{ "profiles", "profile" },
		{ "buidl", "build" },
		{ "kernal", "kernel" },
		{ "lss", "ls" },
		{ "x", NULL },
		{ "", NULL },
		{ "disk", NULL },
		{ "zzzzzzzzzzzz", NULL },
	};
	char longest[200];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *nearest = word_nearest(rows[i].word, words);

		print_message("row: '%s'\n", rows[i].word);
		if (rows[i].nearest)
			assert_string_equal(nearest, rows[i].nearest);
		else
			assert_null(nearest);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(word_nearest(longest, words));
	assert_null(word_nearest("a", (const char *const[]){ longest, NULL }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_merge_and_all_else_replaces),
		cmocka_unit_test(values_are_found_by_their_keys),
		cmocka_unit_test(paths_are_split_and_joined),
		cmocka_unit_test(near_words_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
