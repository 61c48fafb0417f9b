/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch.c - dockerd's command line as dockerd reads it; hierarchies of cgroup v1
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "init/cgroup_setup.h"
#include "init/dockerd_words.h"
#include "init/limits.h"

/* "NAME=VALUE " of each option, "NAME " of one without */
static const struct {
	const char *words[6];
	const char *options;
} word_rows[] = {
	{ { "dockerd" }, "" },
	{ { "dockerd", "--mtu=1400" }, "mtu=1400 " },
	{ { "dockerd", "--mtu", "1400" }, "mtu=1400 " },
	{ { "dockerd", "--mtu" }, "mtu " },
	{ { "dockerd", "--mtu=" }, "mtu= " },
	{ { "dockerd", "-b", "br0", "-D" }, "bridge=br0 debug " },
	{ { "dockerd", "-b=br0" }, "bridge=br0 " },
	{ { "dockerd", "-bbr0" }, "bridge=br0 " },
	{ { "dockerd", "-Dbbr0" }, "debug bridge=br0 " },
	{ { "dockerd", "-Db", "br0", "-l", "warn" }, "debug bridge=br0 log-level=warn " },
	{ { "dockerd", "-D=false", "-b", "br0" }, "debug=false bridge=br0 " },
	{ { "dockerd", "-DD" }, "debug debug " },
	/* a boolean takes nothing, anything else takes what follows */
	{ { "dockerd", "--debug", "--bip", "a" }, "debug bip=a " },
	{ { "dockerd", "--debug", "false", "--bip=a" }, "debug bip=a " },
	{ { "dockerd", "--label", "--bip=a", "--ipv6" }, "label=--bip=a ipv6 " },
	{ { "dockerd", "-H", "-D", "--icc=false" }, "host=-D icc=false " },
	{ { "dockerd", "--of-tomorrow", "--bip=a" }, "of-tomorrow=--bip=a " },
	{ { "dockerd", "--fixed-cidr-v6", "a", "--fixed-cidr=b" },
	  "fixed-cidr-v6=a fixed-cidr=b " },
	/* the end of options; what is none */
	{ { "dockerd", "-D", "--", "--bip=a" }, "debug " },
	{ { "dockerd", "-", "", "word", "-D" }, "debug " },
	{ { "dockerd", "-x", "value", "-D" }, "x=value debug " },
};

static void test_DL_16_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(word_rows); i++) {
		CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
		CLEANUP(text_free) struct text found = TEXT_EMPTY;
		struct dockerd_words all = { 0 };
		struct dockerd_option option;

		print_message("row: %zu '%s'\n", i, word_rows[i].options);
		for (size_t j = 0; j < COUNT_OF(word_rows[i].words) && word_rows[i].words[j]; j++)
			assert_int_equal(strings_add(&words, word_rows[i].words[j]), 0);
		all.words = words.items;
		while (dockerd_words_next(&all, &option))
			text_format(&found, "%s%s%s ", option.name, option.value ? "=" : "",
				    option.value ? option.value : "");
		assert_string_equal(text_string(&found), word_rows[i].options);
	}
}

static void test_DL_16_long_names_are_cut(void **state)
{
	char word[200] = "--", program[] = "dockerd";
	char *words[] = { program, word, NULL };
	struct dockerd_option option;

	(void)state;
	memset(word + 2, 'a', sizeof(word) - 3);
	assert_false(dockerd_words_find(words, "aaa", &option));
	assert_true(dockerd_words_next(&(struct dockerd_words){ .words = words }, &option));
	assert_int_equal(strlen(option.name), DOCKERD_NAME_BYTES - 1);
}

static void test_DL_5_hierarchies(void **state)
{
	static const char head[] = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";
	static const struct {
		const char *table, *hierarchies;
	} rows[] = {
		{ "", "" },
		{ "cpu\t1\t1\t1\nmemory\t4\t10\t1\n", "cpu memory " },
		/* some share one */
		{ "cpuset\t3\t1\t1\ncpu\t2\t1\t1\ncpuacct\t2\t1\t1\nnet_cls\t5\t1\t1\n"
		  "net_prio\t5\t1\t1\n",
		  "cpuset cpu,cpuacct net_cls,net_prio " },
		/* disabled; in no hierarchy, or in version 2 */
		{ "cpu\t1\t1\t0\nmemory\t0\t10\t1\npids\t2\t1\t1\n", "pids " },
		{ "cpu\t0\t1\t1\nmemory\t0\t10\t1\n", "" },
		{ "nonsense\ncpu 1\n", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(strings_free) struct strings hierarchies = STRINGS_EMPTY;
		CLEANUP(text_free) struct text table = TEXT_EMPTY, found = TEXT_EMPTY;

		print_message("row: %zu '%s'\n", i, rows[i].hierarchies);
		text_format(&table, "%s%s", head, rows[i].table);
		assert_int_equal(cgroup_hierarchies(text_string(&table), &hierarchies), 0);
		for (size_t j = 0; j < hierarchies.count; j++)
			text_format(&found, "%s ", hierarchies.items[j]);
		assert_string_equal(text_string(&found), rows[i].hierarchies);
	}
}

static void test_DL_19_limits(void **state)
{
	CLEANUP(text_free) struct text details = TEXT_EMPTY;
	uint64_t value = 1;

	(void)state;
	assert_int_equal(limit_get("nonsense", &value), -EINVAL);
	assert_int_equal(limit_set("nonsense", 1, &details), -EINVAL);
	assert_int_equal(limit_get("core", &value), 0);
	assert_int_equal(limit_set("core", 0, &details), 0);
	assert_int_equal(limit_get("core", &value), 0);
	assert_int_equal(value, 0);
	assert_string_equal(text_string(&details), "core=0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_DL_16_words),
		cmocka_unit_test(test_DL_16_long_names_are_cut),
		cmocka_unit_test(test_DL_5_hierarchies),
		cmocka_unit_test(test_DL_19_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
