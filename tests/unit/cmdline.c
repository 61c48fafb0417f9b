/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmdline.c - the kernel command line as the kernel splits it, and argv in one string
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "init/lib/cleanup.h"
#include "init/lib/cmdline.h"

/* words as "[key][key=value]"; a key without '=' shows none */
static void test_parse(void **state)
{
	static const struct {
		const char *line, *words;
	} rows[] = {
		{ "", "" },
		{ "\n", "" },
		{ "quiet", "[quiet]" },
		{ "quiet\n", "[quiet]" },
		{ "  a=1\t b=2 \n", "[a=1][b=2]" },
		{ "a=", "[a=]" },
		{ "a=b=c", "[a=b=c]" },
		{ "a=\"x y\" b", "[a=x y][b]" },
		{ "\"a=x y\" b", "[a=x y][b]" },
		{ "\"a b\"", "[a b]" },
		{ "a=x\"y z\"w", "[a=x\"y z\"w]" }, /* inside, quotes stay */
		{ "a=\"x", "[a=x]" },               /* never closed */
		{ "a=\"x\n", "[a=x]" },
		{ "\"", "[]" },
		{ "=a", "[=a]" }, /* in front, '=' belongs to the key */
		{ "#a b", "[#a][b]" },
		{ "a -- b c=1", "[a]" }, /* for the next init */
		{ "a --b", "[a][--b]" },
		{ "m=\"dockerd \"--label=a\\x20b\"\"", "[m=dockerd \"--label=a\\x20b\"]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cmdline cmdline;
		CLEANUP(text_free) struct text words = TEXT_EMPTY;

		print_message("row: '%s'\n", rows[i].line);
		assert_int_equal(cmdline_parse(&cmdline, rows[i].line), 0);
		for (size_t j = 0; j < cmdline.count; j++) {
			text_format(&words, "[%s", cmdline.words[j].key);
			if (cmdline.words[j].value)
				text_format(&words, "=%s", cmdline.words[j].value);
			text_add(&words, "]");
		}
		assert_string_equal(text_string(&words), rows[i].words);
		cmdline_free(&cmdline);
		cmdline_free(&cmdline);
	}
}

static void test_last(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{ "a", "2" },  { "b", "" },    { "x-y", "1" }, { "x_y", "1" },
		{ "c", NULL }, { "aa", NULL }, { "", NULL },   { "x", NULL },
	};
	struct cmdline cmdline;

	(void)state;
	assert_int_equal(cmdline_parse(&cmdline, "a=1 b a=2 x-y=1"), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *value = cmdline_last(&cmdline, rows[i].key);

		print_message("row: '%s'\n", rows[i].key);
		if (rows[i].value)
			assert_string_equal(value, rows[i].value);
		else
			assert_null(value);
	}
	cmdline_free(&cmdline);
}

static void test_add(void **state)
{
	struct cmdline cmdline = CMDLINE_EMPTY;

	(void)state;
	assert_int_equal(cmdline_add(&cmdline, "mkinitrd.exec=sh -c \"echo a\""), 0);
	assert_int_equal(cmdline_add(&cmdline, "rd.debug"), 0);
	assert_int_equal(cmdline_add(&cmdline, ""), 0);
	assert_string_equal(cmdline_last(&cmdline, "mkinitrd.exec"), "sh -c \"echo a\"");
	assert_string_equal(cmdline_last(&cmdline, "rd.debug"), "");
	assert_int_equal(cmdline.count, 3);
	cmdline_free(&cmdline);
}

static void test_flag(void **state)
{
	static const struct {
		const char *line;
		bool otherwise, value;
	} rows[] = {
		{ "", false, false },
		{ "", true, true },
		{ "rd.shell", false, true },
		{ "rd.shell=1", false, true },
		{ "rd.shell=yes", false, true },
		{ "rd.shell=0", true, false },
		{ "rd.shell=no", true, false },
		{ "rd.shell=maybe", true, true },
		{ "rd.shell=1 rd.shell=0", true, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cmdline cmdline;

		print_message("row: '%s'\n", rows[i].line);
		assert_int_equal(cmdline_parse(&cmdline, rows[i].line), 0);
		assert_int_equal(cmdline_flag(&cmdline, "rd.shell", rows[i].otherwise),
				 rows[i].value);
		cmdline_free(&cmdline);
	}
}

static void test_argv(void **state)
{
	static const struct {
		const char *string;
		int result;
		const char *words;
	} rows[] = {
		{ "", 0, "" },
		{ "  ", 0, "" },
		{ "dockerd", 0, "[dockerd]" },
		{ " dockerd  --debug ", 0, "[dockerd][--debug]" },
		{ "dockerd \"--label=a b\"", 0, "[dockerd][--label=a b]" },
		{ "--label=\"a b\"c", 0, "[--label=a bc]" },
		{ "a \"\" b", 0, "[a][][b]" },
		{ "\"a\\\"b\\\\c\\n\"", 0, "[a\"b\\c\n]" },
		{ "\"\\x41\\x20\"", 0, "[A ]" },
		{ "a\\b", 0, "[a\\b]" }, /* outside of quotes a backslash is itself */
		{ "\"a", -EINVAL, NULL },
		{ "\"a\\", -EINVAL, NULL },
		{ "\"\\q\"", -EINVAL, NULL },
		{ "\"\\x4\"", -EINVAL, NULL },
		{ "\"\\x00\"", -EINVAL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
		CLEANUP(text_free) struct text text = TEXT_EMPTY;

		print_message("row: '%s'\n", rows[i].string);
		assert_int_equal(argv_parse(rows[i].string, &words), rows[i].result);
		if (rows[i].result < 0) {
			assert_int_equal(words.count, 0);
			continue;
		}
		for (size_t j = 0; j < words.count; j++)
			text_format(&text, "[%s]", words.items[j]);
		assert_string_equal(text_string(&text), rows[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse), cmocka_unit_test(test_last),
		cmocka_unit_test(test_add),   cmocka_unit_test(test_flag),
		cmocka_unit_test(test_argv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
