/* SPDX-License-Identifier: Apache-2.0 */
/*
 * account.c - who a program runs as, by lists that nobody vouches for; and signals by name
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "init/lib/account.h"
#include "init/lib/signal_name.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "\n"
			     "broken\n"
			     "half:x:7\n"
			     "odd:x:seven:7::/:\n"
			     "web:x:33:34:www,data:/srv/www:/bin/false\n"
			     "1000:x:5:5::/named-like-a-number:\n"
			     "late:x:40:41"; /* no home, no newline */
static const char group[] = "root:x:0:\n"
			    "wheel:x:10:root,web\n"
			    "www:x:34:\n"
			    "dial:x:20:webmaster,web\n"
			    "nobodies:x:77:webmaster\n"
			    "huge:x:99999999999:web\n"
			    "late:x:41";

static const struct {
	const char *user;
	int result;
	uid_t uid;
	gid_t gid;
	const char *home;   /* NULL: not known */
	const char *groups; /* in this order */
} rows[] = {
	{ "root", 0, 0, 0, "/root", " 10 0" },
	{ "0", 0, 0, 0, "/root", " 10 0" },
	{ "web", 0, 33, 34, "/srv/www", " 10 20 34" },
	{ "33", 0, 33, 34, "/srv/www", " 10 20 34" },
	{ "web:dial", 0, 33, 20, "/srv/www", " 20" },
	{ "web:77", 0, 33, 77, "/srv/www", " 77" },
	{ "web:12345", 0, 33, 12345, "/srv/www", " 12345" },
	/* a number is an id, whoever is called so */
	{ "1000", 0, 1000, 0, NULL, " 0" },
	{ "1000:www", 0, 1000, 34, NULL, " 34" },
	{ "late", 0, 40, 41, NULL, " 41" },
	{ "late:late", 0, 40, 41, NULL, " 41" },
	{ "2147483647", 0, 2147483647, 0, NULL, " 0" },
	{ "2147483648", -ERANGE, 0, 0, NULL, "" },
	{ "99999999999999999999", -ERANGE, 0, 0, NULL, "" },
	{ "web:2147483648", -ERANGE, 0, 0, NULL, "" },
	{ "we", -ENOENT, 0, 0, NULL, "" },
	{ "webm", -ENOENT, 0, 0, NULL, "" },
	{ "half", -ENOENT, 0, 0, NULL, "" },
	{ "odd", -ENOENT, 0, 0, NULL, "" },
	{ "-1", -ENOENT, 0, 0, NULL, "" },
	{ "web:no", -ESRCH, 0, 0, NULL, "" },
	{ "web:huge", -ESRCH, 0, 0, NULL, "" },
	{ "", -EINVAL, 0, 0, NULL, "" },
	{ ":", -EINVAL, 0, 0, NULL, "" },
	{ "web:", -EINVAL, 0, 0, NULL, "" },
	{ ":web", -EINVAL, 0, 0, NULL, "" },
};

static void users_are_found_as_containers_have_it(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(account_free) struct account account = { .uid = 1, .gid = 2 };
		CLEANUP(text_free) struct text groups = TEXT_EMPTY;

		print_message("row: '%s'\n", rows[i].user);
		assert_int_equal(account_find(rows[i].user, passwd, group, &account),
				 rows[i].result);
		if (rows[i].result < 0) { /* untouched */
			assert_int_equal(account.uid, 1);
			assert_true(*account_problem(rows[i].result));
			continue;
		}
		assert_int_equal(account.uid, rows[i].uid);
		assert_int_equal(account.gid, rows[i].gid);
		if (rows[i].home)
			assert_string_equal(account.home, rows[i].home);
		else
			assert_null(account.home);
		for (size_t j = 0; j < account.group_count; j++)
			text_format(&groups, " %u", account.groups[j]);
		assert_string_equal(text_string(&groups), rows[i].groups);
	}
}

static void without_lists_numbers_are_ids(void **state UNUSED)
{
	CLEANUP(account_free) struct account account = ACCOUNT_ROOT;

	assert_int_equal(account_find("5:6", "", "", &account), 0);
	assert_int_equal(account.uid, 5);
	assert_int_equal(account.gid, 6);
	assert_int_equal(account_find("root", "", "", &account), -ENOENT);
}

static void more_groups_than_there_is_room_for_are_left_out(void **state UNUSED)
{
	CLEANUP(account_free) struct account account = ACCOUNT_ROOT;
	CLEANUP(text_free) struct text many = TEXT_EMPTY;

	for (unsigned i = 0; i < 2 * ACCOUNT_GROUPS_MOST; i++)
		text_format(&many, "g%u:x:%u:web\n", i, 10000 + i);
	assert_int_equal(account_find("web", passwd, text_string(&many), &account), 0);
	assert_int_equal(account.group_count, ACCOUNT_GROUPS_MOST);
}

static const struct {
	const char *name;
	int number;
} signals[] = {
	{ "SIGTERM", 15 },
	{ "TERM", 15 },
	{ "term", 15 },
	{ "15", 15 },
	{ "SIGQUIT", 3 },
	{ "SIGRTMIN", 34 },
	{ "SIGRTMIN+3", 37 },
	{ "RTMIN+30", 64 },
	{ "SIGRTMAX", 64 },
	{ "RTMAX-30", 34 },
	{ "64", 64 },
	{ "0", -EINVAL },
	{ "65", -EINVAL },
	{ "RTMIN+31", -EINVAL },
	{ "RTMIN-1", -EINVAL },
	{ "RTMAX+1", -EINVAL },
	{ "SIGNONE", -EINVAL },
	{ "", -EINVAL },
	{ "SIG", -EINVAL },
	{ "-9", -EINVAL },
	{ "99999999999999999999", -EINVAL },
};

static void signals_have_names_and_numbers(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(signals); i++) {
		print_message("row: '%s'\n", signals[i].name);
		assert_int_equal(signal_parse(signals[i].name), signals[i].number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_are_found_as_containers_have_it),
		cmocka_unit_test(without_lists_numbers_are_ids),
		cmocka_unit_test(more_groups_than_there_is_room_for_are_left_out),
		cmocka_unit_test(signals_have_names_and_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
