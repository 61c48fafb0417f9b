/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock.c - when a kernel was built, as its version says it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "init/clock.h"

/* uname -v of several distributions */
// clang-format off
static const struct {
	const char *version, *time;
} rows[] = {
	{ "#1 SMP PREEMPT_DYNAMIC Debian 6.1.158-1 (2025-11-09)", "2025-11-09T00:00:00Z" },
	{ "#49-Ubuntu SMP PREEMPT_DYNAMIC Sun Nov  5 18:51:30 UTC 2023", "2023-11-05T18:51:30Z" },
	{ "#1 SMP PREEMPT_DYNAMIC Thu, 20 Nov 2025 12:01:02 +0000", "2025-11-20T12:01:02Z" },
	{ "#1-Alpine SMP PREEMPT_DYNAMIC 2024-05-02 22:33:44", "2024-05-02T00:00:00Z" },
	{ "#1 SMP PREEMPT_DYNAMIC", "1970-01-01T00:00:00Z" },
	{ "#1 SMP Thu Jan 1 00:00:00 UTC 1970", "1970-01-01T00:00:00Z" },
	{ "#12025-11-09", "1970-01-01T00:00:00Z" },
	{ "", "1970-01-01T00:00:00Z" },
};
// clang-format on

static void build_times(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;

		print_message("row: '%s'\n", rows[i].version);
		clock_format(&text, clock_build_time(rows[i].version));
		assert_string_equal(text_string(&text), rows[i].time);
	}
}

static void a_clock_that_is_later_stays(void **state UNUSED)
{
	assert_int_equal(clock_raise(1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(build_times),
		cmocka_unit_test(a_clock_that_is_later_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
