/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - strings, numbers, sizes and durations
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "init/lib/number.h"

static const struct {
	int (*parse)(const char *string, uint64_t *ret);
	const char *text;
	int result;
	uint64_t value;
} rows[] = {
	{ number_parse, "0", 0, 0 },
	{ number_parse, "18446744073709551615", 0, UINT64_MAX },
	{ number_parse, "18446744073709551616", -ERANGE, 7 },
	{ number_parse, "", -EINVAL, 7 },
	{ number_parse, "-1", -EINVAL, 7 },
	{ number_parse, " 1", -EINVAL, 7 },
	{ number_parse, "1K", -EINVAL, 7 },
	{ size_parse, "4096", 0, 4096 },
	{ size_parse, "64M", 0, UINT64_C(64) << 20 },
	{ size_parse, "2G", 0, UINT64_C(2) << 30 },
	{ size_parse, "64 M", -EINVAL, 7 },
	{ size_parse, "64m", -EINVAL, 7 },
	{ size_parse, "M", -EINVAL, 7 },
	{ size_parse, "16777216T", -ERANGE, 7 },
	{ duration_parse, "10", 0, 10000 },
	{ duration_parse, "10s", 0, 10000 },
	{ duration_parse, "250ms", 0, 250 },
	{ duration_parse, "2m", 0, 120000 },
	{ duration_parse, "2h", -EINVAL, 7 },
};

static void numbers_are_read_or_left_alone(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t value = 7;

		print_message("row: '%s'\n", rows[i].text);
		assert_int_equal(rows[i].parse(rows[i].text, &value), rows[i].result);
		assert_int_equal(value, rows[i].value);
	}
}

static void sizes_are_shown_for_people(void **state UNUSED)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0 B" },          { 999, "999 B" },     { 1000, "1.0 kB" },
		{ 9100000, "9.1 MB" }, { 999960, "1.0 MB" }, { UINT64_MAX, "18.4 EB" },
	};

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;

		size_format(&text, sizes[i].bytes);
		assert_string_equal(text_string(&text), sizes[i].text);
	}
}

static void lists_sort_and_drop_duplicates(void **state UNUSED)
{
	CLEANUP(strings_free) struct strings list = STRINGS_EMPTY;

	strings_sort(&list, true);
	assert_int_equal(strings_add(&list, "b"), 0);
	assert_int_equal(strings_add_format(&list, "%s", "a"), 0);
	assert_int_equal(strings_add(&list, "b"), 0);
	strings_sort(&list, true);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0], "a");
	assert_string_equal(list.items[1], "b");
	assert_null(list.items[2]);
	assert_true(strings_contain(&list, "b"));
	assert_false(strings_contain(&list, "c"));
}

static void a_text_grows_and_is_handed_over(void **state UNUSED)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(memory_free) char *taken = NULL;

	assert_string_equal(text_string(&text), "");
	for (int i = 0; i < 1000; i++)
		text_format(&text, "%d,", i % 10);
	assert_int_equal(text.length, 2000);
	assert_int_equal(text_take(&text, &taken), 0);
	assert_int_equal(strlen(taken), 2000);
	assert_null(text.data);
	assert_string_equal(text_after("LABEL=x", "LABEL="), "x");
	assert_null(text_after("LABE", "LABEL="));
	assert_true(text_ends_with("a.yaml", ".yaml"));
	assert_false(text_ends_with("yaml", ".yaml"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_or_left_alone),
		cmocka_unit_test(sizes_are_shown_for_people),
		cmocka_unit_test(lists_sort_and_drop_duplicates),
		cmocka_unit_test(a_text_grows_and_is_handed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
