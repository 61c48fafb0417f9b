/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.c - foreign trees in memory: what replaces what, what whiteouts leave, what is refused
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "mkinitrd/tree.h"

static int put(struct tree *tree, const char *path, enum entry_type type)
{
	struct tree_object *object = tree_object_new(type, 0755);
	int r;

	assert_non_null(object);
	if (type == ENTRY_SYMLINK)
		object->target = strdup("/etc");
	r = tree_put(tree, path, object);
	tree_object_release(&object);
	return r;
}

static int add_path(struct tree_member *member, void *context)
{
	text_format(context, "%s ", member->path);
	return 0;
}

static void assert_paths(struct tree *tree, const char *expected)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	assert_int_equal(tree_walk(tree, add_path, &text), 0);
	assert_string_equal(text_string(&text), expected);
}

static void what_is_put_later_replaces_what_was_there(void **state UNUSED)
{
	CLEANUP(tree_cleanup) struct tree *tree = tree_new();

	tree_layer(tree, "base");
	assert_int_equal(put(tree, "a/b/c", ENTRY_FILE), 0);
	assert_int_equal(put(tree, "a/d", ENTRY_FILE), 0);
	assert_int_equal(put(tree, "a", ENTRY_DIRECTORY), 0);
	assert_paths(tree, "a a/b a/b/c a/d ");
	assert_int_equal(put(tree, "a/b", ENTRY_FILE), 0);
	assert_paths(tree, "a a/b a/d ");
	assert_null(tree_get(tree, "a/b")->object->over);
	tree_layer(tree, "site");
	assert_int_equal(put(tree, "a/d", ENTRY_FIFO), 0);
	assert_string_equal(tree_get(tree, "a/d")->object->over, "base");
	assert_int_equal(put(tree, "a", ENTRY_DIRECTORY), 0);
	assert_null(tree_get(tree, "a")->object->over);
	assert_int_equal(tree_count(tree), 3);
}

static void nothing_goes_through_what_is_no_directory(void **state UNUSED)
{
	CLEANUP(tree_cleanup) struct tree *tree = tree_new();

	tree_layer(tree, "base");
	assert_int_equal(put(tree, "link", ENTRY_SYMLINK), 0);
	assert_int_equal(put(tree, "file", ENTRY_FILE), 0);
	assert_int_equal(put(tree, "link/x", ENTRY_FILE), -ELOOP);
	assert_int_equal(put(tree, "link/x/y", ENTRY_FILE), -ELOOP);
	assert_int_equal(put(tree, "file/x", ENTRY_FILE), -ENOTDIR);
	tree_layer(tree, "site");
	assert_int_equal(put(tree, "link", ENTRY_DIRECTORY), -ENOTUNIQ);
	assert_paths(tree, "file link ");
}

static void whiteouts_take_what_is_lower_and_nothing_else(void **state UNUSED)
{
	static const struct {
		const char *path;
		bool below;
		const char *left;
	} rows[] = {
		{ "a", false, "a a/new b b/low " },
		{ "a", true, "a a/new b b/low " },
		{ "a/low", false, "a a/deep a/deep/low a/new b b/low " },
		{ "a/deep", true, "a a/deep a/low a/new b b/low " },
		{ "b", false, "a a/deep a/deep/low a/low a/new " },
		{ "b", true, "a a/deep a/deep/low a/low a/new b " },
		{ "", true, "a a/new " },
		{ "none", false, "a a/deep a/deep/low a/low a/new b b/low " },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(tree_cleanup) struct tree *tree = tree_new();

		print_message("row: '%s' %d\n", rows[i].path, rows[i].below);
		tree_layer(tree, "base");
		assert_int_equal(put(tree, "a/low", ENTRY_FILE), 0);
		assert_int_equal(put(tree, "a/deep/low", ENTRY_FILE), 0);
		assert_int_equal(put(tree, "b/low", ENTRY_FILE), 0);
		tree_level(tree);
		assert_int_equal(put(tree, "a/new", ENTRY_FILE), 0);
		tree_white_out(tree, rows[i].path, rows[i].below);
		assert_paths(tree, rows[i].left);
	}
}

static void hard_links_are_one_object(void **state UNUSED)
{
	CLEANUP(tree_cleanup) struct tree *tree = tree_new();
	struct tree_object *object = tree_object_new(ENTRY_FILE, 0644);

	tree_layer(tree, "base");
	assert_int_equal(tree_put(tree, "a", object), 0);
	assert_int_equal(tree_put(tree, "b/c", object), 0);
	assert_int_equal(tree_put(tree, "a", object), 0);
	tree_object_release(&object);
	assert_int_equal(tree_get(tree, "a")->object->references, 2);
	assert_int_equal(put(tree, "a", ENTRY_DIRECTORY), 0);
	assert_int_equal(tree_get(tree, "b/c")->object->references, 1);
}

static void attributes_have_their_bound(void **state UNUSED)
{
	CLEANUP(tree_cleanup) struct tree *tree = tree_new();
	static const char value[XATTR_VALUE_MOST];
	int r = 0;
	unsigned i = 0;

	tree_layer(tree, "base");
	for (; r == 0 && i < 4096; i++) {
		struct tree_object *object = tree_object_new(ENTRY_FILE, 0644);
		char path[16];

		(void)snprintf(path, sizeof(path), "%u", i);
		assert_int_equal(xattrs_set(&object->xattrs, "user.x", value, sizeof(value)), 0);
		r = tree_put(tree, path, object);
		tree_object_release(&object);
	}
	assert_int_equal(r, -EOVERFLOW);
	assert_in_range(i, 2000, 2048);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_later_replaces_what_was_there),
		cmocka_unit_test(nothing_goes_through_what_is_no_directory),
		cmocka_unit_test(whiteouts_take_what_is_lower_and_nothing_else),
		cmocka_unit_test(hard_links_are_one_object),
		cmocka_unit_test(attributes_have_their_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
