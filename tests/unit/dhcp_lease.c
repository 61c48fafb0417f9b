/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dhcp_lease.c - what of udhcpc's environment is believed
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "init/dhcp_lease.h"

/* a row: the environment, and what the helper would be told; NULL: no lease */
// clang-format off
static const struct {
	const char *environment[8]; /* NAME, VALUE, ... */
	const char *message;
	const char *search;
	uint32_t mtu;
	size_t ignored;
} rows[] = {
	{ { "ip", "10.0.2.15", "mask", "24" }, "network bound eth0 10.0.2.15/24 - - -", "", 0, 0 },
	{ { "ip", "10.0.2.15", "subnet", "255.255.240.0", "router", "10.0.2.2", "dns", "10.0.2.3" },
	  "network bound eth0 10.0.2.15/20 10.0.2.2 10.0.2.3 -", "", 0, 0 },
	{ { "ip", "10.0.2.15", "mask", "33", "subnet", "255.255.0.0" },
	  "network bound eth0 10.0.2.15/16 - - -", "", 0, 0 },
	{ { "ip", "10.0.2.15", "mask", "32", "router", "10.0.0.1 10.0.0.2 x 10.0.0.3 1.1.1.1 2.2.2.2" },
	  "network bound eth0 10.0.2.15/32 10.0.0.1 - -", "", 0, 1 },
	{ { "ip", "10.0.2.15", "mask", "8", "ntpsrv", "10.0.2.4 x 10.0.2.5" },
	  "network bound eth0 10.0.2.15/8 - - 10.0.2.4,10.0.2.5", "", 0, 1 },
	{ { "ip", "10.0.2.15", "mask", "8", "hostname", "box-1.example.org" },
	  "network bound eth0 10.0.2.15/8 - - -", "", 0, 0 },
	{ { "ip", "10.0.2.15", "mask", "8", "hostname", "evil\nname" },
	  "network bound eth0 10.0.2.15/8 - - -", "", 0, 1 },
	{ { "ip", "10.0.2.15", "mask", "8", "dns", "1.1.1.1  2.2.2.2 3.3.3.3 4.4.4.4" },
	  "network bound eth0 10.0.2.15/8 - 1.1.1.1,2.2.2.2,3.3.3.3 -", "", 0, 0 },
	{ { "ip", "10.0.2.15", "mask", "8", "dns", "0.0.0.0 224.0.0.1 ::1 1.1.1.1;reboot 9.9.9.9" },
	  "network bound eth0 10.0.2.15/8 - 9.9.9.9 -", "", 0, 4 },
	{ { "ip", "10.0.2.15", "mask", "8", "domain", "example.org", "mtu", "1400" },
	  "network bound eth0 10.0.2.15/8 - - -", "example.org", 1400, 0 },
	{ { "ip", "10.0.2.15", "mask", "8", "domain", "a.b", "search", "x_y.org lan." },
	  "network bound eth0 10.0.2.15/8 - - -", "x_y.org lan.", 0, 0 },
	{ { "ip", "10.0.2.15", "mask", "8", "domain", "evil\nnameserver 6.6.6.6\n -a .b c..d $(x)" },
	  "network bound eth0 10.0.2.15/8 - - -", "", 0, 6 },
	{ { "ip", "10.0.2.15", "mask", "8", "mtu", "68" }, "network bound eth0 10.0.2.15/8 - - -", "", 0, 1 },
	{ { "ip", "10.0.2.15", "mask", "8", "mtu", "65536" }, "network bound eth0 10.0.2.15/8 - - -", "", 0, 1 },
	{ { "ip", "10.0.2.15", "mask", "8", "broadcast", "10.0.2.255" },
	  "network bound eth0 10.0.2.15/8 - - -", "", 0, 1 },
	{ { "ip", "10.0.2.15" }, NULL, "", 0, 0 },
	{ { "ip", "10.0.2.15", "mask", "0" }, NULL, "", 0, 0 },
	{ { "ip", "10.0.2.15", "subnet", "255.0.255.0" }, NULL, "", 0, 0 },
	{ { "ip", "10.0.2.15", "subnet", "0.0.0.0" }, NULL, "", 0, 0 },
	{ { "ip", "0.0.0.0", "mask", "24" }, NULL, "", 0, 0 },
	{ { "ip", "239.0.0.1", "mask", "24" }, NULL, "", 0, 0 },
	{ { "ip", "10.0.2.15/24", "mask", "24" }, NULL, "", 0, 0 },
	{ { "mask", "24" }, NULL, "", 0, 0 },
};
// clang-format on

static const char *const *environment;

/* getenv(3) of a row; its strings are only read */
static char *row_variable(const char *name)
{
	static char values[4][256];

	for (size_t i = 0; environment[2 * i]; i++) {
		if (strcmp(environment[2 * i], name) != 0)
			continue;
		(void)snprintf(values[i], sizeof(values[i]), "%s", environment[2 * i + 1]);
		return values[i];
	}
	return NULL;
}

static void leases_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *variables[9] = { 0 };
		CLEANUP(lease_free) struct lease lease = LEASE_EMPTY;
		CLEANUP(text_free) struct text message = TEXT_EMPTY;

		print_message("row %zu\n", i);
		memcpy(variables, rows[i].environment, sizeof(rows[i].environment));
		environment = variables;
		if (!rows[i].message) {
			assert_int_equal(lease_parse(&lease, row_variable), -EINVAL);
			continue;
		}
		assert_int_equal(lease_parse(&lease, row_variable), 0);
		lease_message(&lease, "eth0", &message);
		assert_string_equal(text_string(&message), rows[i].message);
		assert_string_equal(text_string(&lease.search), rows[i].search);
		assert_int_equal(lease.mtu, rows[i].mtu);
		assert_int_equal(lease.ignored.count, rows[i].ignored);
		for (size_t j = 0; j < lease.ignored.count; j++)
			assert_null(strpbrk(lease.ignored.items[j], "\n\r\t"));
	}
}

static void broadcast_is_all_ones(void **state)
{
	static const char *const with_prefix[] = { "ip", "10.1.2.3", "mask", "20", NULL, NULL };
	static const char *const alone[] = { "ip", "10.1.2.3", "mask", "32", NULL, NULL };
	static const unsigned char expected[4] = { 10, 1, 15, 255 }, none[4];
	CLEANUP(lease_free) struct lease lease = LEASE_EMPTY, lease_alone = LEASE_EMPTY;

	(void)state;
	environment = with_prefix;
	assert_int_equal(lease_parse(&lease, row_variable), 0);
	assert_memory_equal(lease.address.broadcast, expected, sizeof(expected));
	environment = alone;
	assert_int_equal(lease_parse(&lease_alone, row_variable), 0);
	assert_memory_equal(lease_alone.address.broadcast, none, sizeof(none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leases_are_checked),
		cmocka_unit_test(broadcast_is_all_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
