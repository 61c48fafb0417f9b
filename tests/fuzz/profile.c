/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile.c - profiles: any text is refused or is a tree; stacked, checked, shown and read again it
 *             is the same tree; expansion and the long forms hold on whatever the schema let pass
 *
 * An input is profiles and --set arguments, in the order of stacking: a line "#--" begins the next
 * profile, a line that begins with "#=" is one --set. "include:" is checked, not followed: no file
 * is opened.
 */
#include "fuzz.h"
#include "mkinitrd/profile_parse.h"
#include "mkinitrd/profile_schema.h"
#include "mkinitrd/profile_show.h"

static void require_same(const struct value *a, const struct value *b)
{
	REQUIRE(a->kind == b->kind && a->count == b->count);
	if (a->kind == VALUE_SCALAR)
		REQUIRE(text_equal(a->scalar, b->scalar));
	for (size_t i = 0; i < a->count; i++) {
		REQUIRE(!a->keys || text_equal(a->keys[i], b->keys[i]));
		require_same(a->items[i], b->items[i]);
	}
}

static void require_no_nulls(const struct value *value)
{
	REQUIRE(value->kind != VALUE_NULL);
	for (size_t i = 0; i < value->count; i++)
		require_no_nulls(value->items[i]);
}

static void expand_all(const struct profile *profile, const struct value *value)
{
	CLEANUP(memory_free) char *expanded = NULL;

	if (value->kind == VALUE_SCALAR)
		(void)profile_expand(profile, value->scalar, value->origin, &expanded);
	for (size_t i = 0; i < value->count; i++)
		expand_all(profile, value->items[i]);
}

/* Return: whether the tree could be laid over the others */
static bool stack(struct value *root, struct value *tree)
{
	if (tree->kind == VALUE_NULL)
		tree->kind = VALUE_MAP;
	if (schema_check(tree, true))
		return false;
	REQUIRE(schema_check(tree, false) == 0);
	REQUIRE(value_merge(root, tree) == 0);
	value_map_remove(root, "include");
	return true;
}

static bool stack_part(struct value *root, const char *part, size_t length)
{
	CLEANUP(value_cleanup) struct value *tree = NULL;
	CLEANUP(memory_free) char *set = NULL;
	int r;

	if (length >= 2 && part[0] == '#' && part[1] == '=') {
		set = strndup(part + 2, strcspn(part + 2, "\n"));
		r = profile_parse_set(set, &tree);
	} else {
		r = profile_parse(part, length, "fuzz.yaml", &tree);
	}
	REQUIRE((r == 0) == (tree != NULL));
	return r == 0 && stack(root, tree);
}

static void check_whole(struct profile *profile)
{
	CLEANUP(text_free) struct text shown = TEXT_EMPTY, json = TEXT_EMPTY;
	CLEANUP(value_cleanup) struct value *again = NULL;

	require_no_nulls(profile->root);
	expand_all(profile, profile->root);
	if (schema_check_stacked(profile, true))
		return;
	REQUIRE(profile_show_text(profile, &shown) == 0);
	REQUIRE(profile_show_json(profile, &json) == 0);
	REQUIRE(profile_parse(text_string(&shown), shown.length, "shown.yaml", &again) == 0);
	if (again->kind == VALUE_NULL)
		again->kind = VALUE_MAP;
	require_same(profile->root, again);
	REQUIRE(schema_check(again, true) == 0);
	REQUIRE(schema_normalise(profile->root) == 0);
	/* the long form is a profile too */
	REQUIRE(schema_check(profile->root, true) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(value_cleanup) struct value *root = value_new(VALUE_MAP, (struct origin){ 0 });
	CLEANUP(memory_free) char *string = fuzz_string(data, size);
	struct profile profile = { .root = root, .name = NULL };
	char name[] = "fuzz";
	const char *part = string, *end = string + size;

	while (part < end) {
		/* a part ends before the next mark at the start of a line */
		const char *next = part + (*part == '#' ? 2 : 0);

		while (next < end && !(next[0] == '\n' && next + 2 < end && next[1] == '#' &&
				       (next[2] == '-' || next[2] == '=')))
			next++;
		if (next > end)
			next = end;
		if (!stack_part(root, part, (size_t)(next - part)))
			return 0;
		part = next < end ? next + 1 : end;
	}
	profile.name = name;
	check_whole(&profile);
	return 0;
}
