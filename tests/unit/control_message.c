/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_message.c - what the control socket understands
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "init/control_message.h"
#include "init/lib/text.h"

// clang-format off
static const struct {
	const char *bytes;
	int result;
	enum control_kind kind;
	enum power_action action;
	bool force;
} rows[] = {
	{ "poweroff",        0,       CONTROL_POWER, POWER_OFF,    false },
	{ "poweroff\n",      0,       CONTROL_POWER, POWER_OFF,    false },
	{ "reboot",          0,       CONTROL_POWER, POWER_REBOOT, false },
	{ "halt",            0,       CONTROL_POWER, POWER_HALT,   false },
	{ "halt force",      0,       CONTROL_POWER, POWER_HALT,   true },
	{ "halt force now",  -EINVAL, CONTROL_POWER, POWER_OFF,    false },
	{ "halt now",        -EINVAL, CONTROL_POWER, POWER_OFF,    false },
	{ "halt  force",     -EINVAL, CONTROL_POWER, POWER_OFF,    false },
	{ "power",           -EINVAL, CONTROL_POWER, POWER_OFF,    false },
	{ "poweroffx",       -EINVAL, CONTROL_POWER, POWER_OFF,    false },
	{ " poweroff",       -EINVAL, CONTROL_POWER, POWER_OFF,    false },
	{ "",                -EINVAL, CONTROL_POWER, POWER_OFF,    false },
	{ "\n",              -EINVAL, CONTROL_POWER, POWER_OFF,    false },
	{ "poweroff\x1b[2J", -EINVAL, CONTROL_POWER, POWER_OFF,    false },
	{ "network",         -EINVAL, CONTROL_POWER, POWER_OFF,    false },
	{ "network lost eth0 - - -",               -EINVAL, CONTROL_POWER,   POWER_OFF, false },
	{ "network lost",                          -EINVAL, CONTROL_POWER,   POWER_OFF, false },
	{ "network found eth0",                    -EINVAL, CONTROL_POWER,   POWER_OFF, false },
	{ "network lost eth0",                     0,       CONTROL_NETWORK_LOST, POWER_OFF, false },
	{ "network bound eth0 10.0.2.15/24 - -",   0,       CONTROL_NETWORK, POWER_OFF, false },
	{ "network bound eth0 10.0.2.15/24 -",     -EINVAL, CONTROL_POWER,   POWER_OFF, false },
	{ "network bound eth0 10.0.2.15/24 - - -", 0,       CONTROL_NETWORK, POWER_OFF, false },
	{ "network bound eth0 10.0.2.15/24 - - - -", -EINVAL, CONTROL_POWER, POWER_OFF, false },
	{ "network bound a-name-of-16-chr 1/1 - -", -EINVAL, CONTROL_POWER,  POWER_OFF, false },
};
// clang-format on

static void understands(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct control_message message = { .interface = "untouched" };

		print_message("row: '%s'\n", rows[i].bytes);
		assert_int_equal(control_parse(rows[i].bytes, strlen(rows[i].bytes), &message),
				 rows[i].result);
		if (rows[i].result < 0) {
			assert_string_equal(message.interface, "untouched");
			continue;
		}
		assert_int_equal(message.kind, rows[i].kind);
		assert_int_equal(message.action, rows[i].action);
		assert_int_equal(message.force, rows[i].force);
	}
}

static void takes_the_fields_of_a_lease(void **state)
{
	static const char bytes[] = "network bound eth0 10.0.2.15/24 10.0.2.2 10.0.2.3,10.0.2.4 "
				    "10.0.2.5";
	struct control_message message;

	(void)state;
	assert_int_equal(control_parse(bytes, strlen(bytes), &message), 0);
	assert_string_equal(message.interface, "eth0");
	assert_string_equal(message.address, "10.0.2.15/24");
	assert_string_equal(message.gateway, "10.0.2.2");
	assert_string_equal(message.dns, "10.0.2.3,10.0.2.4");
	assert_string_equal(message.ntp, "10.0.2.5");
}

static void refuses_what_is_too_long(void **state)
{
	char bytes[CONTROL_MESSAGE_BYTES + 1];
	struct control_message message;

	(void)state;
	memset(bytes, 'a', sizeof(bytes));
	assert_int_equal(control_parse(bytes, sizeof(bytes), &message), -EINVAL);
	memset(bytes, '\n', sizeof(bytes));
	for (size_t i = 0; i < strlen("poweroff"); i++)
		bytes[i] = "poweroff"[i];
	assert_int_equal(control_parse(bytes, sizeof(bytes), &message), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(understands),
		cmocka_unit_test(takes_the_fields_of_a_lease),
		cmocka_unit_test(refuses_what_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
