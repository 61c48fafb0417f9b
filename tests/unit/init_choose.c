/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_choose.c - which choice is taken, and the links that it leaves
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "init/choose.h"

/* @ stands for a folder of the test's own */
static const struct {
	const char *what, *plan;
	int result;
	const char *details; /* how they begin */
	const char *link;    /* where "@/tool" leads to; NULL: it is the file that it was */
} rows[] = {
	{ "nothing to choose", "", 0, "", NULL },
	{ "the first that holds, in place of a file",
	  "choose name=a pick=one when=always link=@/tool=/one link=@/new=/else\n"
	  "choose name=a pick=two when=always link=@/tool=/two\n",
	  0, "a=one", "/one" },
	{ "each name for itself",
	  "choose name=a pick=one when=always link=@/tool=/one\n"
	  "choose name=b pick=two when=always\n"
	  "choose name=a pick=three when=always\n",
	  0, "a=one b=two", "/one" },
	{ "a target with a '='", "choose name=a pick=one when=always link=@/tool=/x=y\n", 0,
	  "a=one", "/x=y" },
	{ "a folder that is not there", "choose name=a pick=one when=always link=@/no/where=/one\n",
	  -ENOENT, "a=one: cannot make the link '@/no/where=/one': No such file", NULL },
	{ "no link", "choose name=a pick=one when=always link=@\n", -EINVAL,
	  "a=one: cannot make the link '@'", NULL },
	{ "no name", "choose pick=one when=always\n", -EINVAL, "the plan has a choice without",
	  NULL },
};

/* @text with each '@' replaced by @folder */
static void fill(struct text *result, const char *text, const char *folder)
{
	for (; *text; text++)
		if (*text == '@')
			text_add(result, folder);
		else
			text_add_char(result, *text);
}

static void check_row(size_t i, const char *folder)
{
	CLEANUP(text_free) struct text plan = TEXT_EMPTY;
	CLEANUP(text_free) struct text details = TEXT_EMPTY;
	CLEANUP(text_free) struct text tool = TEXT_EMPTY;
	struct step_record record = { .name = "services" };
	struct machine machine = { .uevent_fd = -1 };
	char target[PATH_MAX] = "";
	struct stat status;
	char *error = NULL;

	print_message("row: %s\n", rows[i].what);
	text_format(&tool, "%s/tool", folder);
	(void)unlink(text_string(&tool));
	assert_int_equal(symlink("/before", text_string(&tool)), 0);
	text_format(&plan, "mkinitrd-plan %d\n", BOOTPLAN_VERSION);
	fill(&plan, rows[i].plan, folder);
	fill(&details, rows[i].details, folder);
	assert_int_equal(bootplan_parse(&machine.plan, plan.data, plan.length, &error), 0);
	assert_int_equal(choices_make(&machine, &record), rows[i].result);
	bootplan_free(&machine.plan);
	assert_non_null(text_after(record.details, text_string(&details)));
	if (rows[i].result == 0)
		assert_string_equal(record.details, text_string(&details));
	assert_true(readlink(text_string(&tool), target, sizeof(target) - 1) > 0);
	assert_string_equal(target, rows[i].link ? rows[i].link : "/before");
	text_add(&tool, ".new");
	assert_int_equal(lstat(text_string(&tool), &status), -1);
}

static void the_first_that_holds_is_taken(void **state)
{
	char folder[] = "/tmp/mkinitrd-choose-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(i, folder);
	for (size_t i = 0; i < 2; i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "%s/%s", folder, i ? "tool" : "new");
		(void)unlink(text_string(&path));
	}
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_holds_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
