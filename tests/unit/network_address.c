/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network_address.c - which addresses a host can have, and how they are written
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "init/lib/network_address.h"

/* @result: as it is written again, with its prefix; NULL: refused */
// clang-format off
static const struct {
	const char *string;
	bool has_prefix;
	const char *result, *broadcast;
} rows[] = {
	{ "192.0.2.5/24",              true,  "192.0.2.5/24",      "192.0.2.255" },
	{ "192.0.2.5",                 false, "192.0.2.5/32",      "0.0.0.0" },
	{ "192.0.2.5/31",              true,  "192.0.2.5/31",      "0.0.0.0" },
	{ "10.1.2.3/8",                true,  "10.1.2.3/8",        "10.255.255.255" },
	{ "2001:DB8::5/64",            true,  "2001:db8::5/64",    "0.0.0.0" },
	{ "fe80::1",                   false, "fe80::1/128",       "0.0.0.0" },
	{ "::ffff:192.0.2.1",          false, "::ffff:192.0.2.1/128", "0.0.0.0" },
	{ "192.0.2.5",                 true,  NULL, NULL },
	{ "192.0.2.5/24",              false, NULL, NULL },
	{ "192.0.2.5/",                true,  NULL, NULL },
	{ "192.0.2.5/0",               true,  NULL, NULL },
	{ "192.0.2.5/33",              true,  NULL, NULL },
	{ "192.0.2.5/-1",              true,  NULL, NULL },
	{ "192.0.2.5/24/24",           true,  NULL, NULL },
	{ "2001:db8::5/129",           true,  NULL, NULL },
	{ "0.0.0.0",                   false, NULL, NULL },
	{ "239.0.0.1",                 false, NULL, NULL },
	{ "255.255.255.255",           false, NULL, NULL },
	{ "::",                        false, NULL, NULL },
	{ "ff02::1",                   false, NULL, NULL },
	{ "fe80::1%eth0",              false, NULL, NULL },
	{ "192.0.2",                   false, NULL, NULL },
	{ "192.0.2.5 ",                false, NULL, NULL },
	{ "host",                      false, NULL, NULL },
	{ "",                          false, NULL, NULL },
	{ "/24",                       true,  NULL, NULL },
	{ "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", false, NULL, NULL },
};
// clang-format on

static void addresses(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		struct network_address address = { .family = -1 };
		char broadcast[INET_ADDRSTRLEN];
		int r = network_address_parse(rows[i].string, rows[i].has_prefix, &address);

		print_message("row: '%s'\n", rows[i].string);
		assert_int_equal(r, rows[i].result ? 0 : -EINVAL);
		if (!rows[i].result) {
			assert_int_equal(address.family, -1);
			continue;
		}
		network_address_format(&text, &address, true);
		assert_string_equal(text_string(&text), rows[i].result);
		assert_string_equal(
			inet_ntop(AF_INET, address.broadcast, broadcast, sizeof(broadcast)),
			rows[i].broadcast);
	}
}

static void masks(void **state UNUSED)
{
	static const struct {
		const char *mask;
		int prefix; /* -1: refused */
	} mask_rows[] = {
		{ "24", 24 },
		{ "255.255.255.0", 24 },
		{ "255.255.240.0", 20 },
		{ "255.255.255.255", 32 },
		{ "0.0.0.0", -1 },
		{ "255.0.255.0", -1 },
		{ "0", -1 },
		{ "33", -1 },
		{ "", -1 },
		{ "255.255.255", -1 },
	};

	for (size_t i = 0; i < COUNT_OF(mask_rows); i++) {
		struct network_address address;

		print_message("row: '%s'\n", mask_rows[i].mask);
		assert_int_equal(network_address_parse("192.0.2.5", false, &address), 0);
		assert_int_equal(network_address_mask(&address, mask_rows[i].mask),
				 mask_rows[i].prefix < 0 ? -EINVAL : 0);
		assert_int_equal(address.prefix,
				 mask_rows[i].prefix < 0 ? 32 : mask_rows[i].prefix);
	}
}

static void link_local(void **state UNUSED)
{
	static const struct {
		const char *string;
		bool is_link_local;
	} local_rows[] = {
		{ "fe80::1", true },
		{ "febf::1", true },
		{ "fec0::1", false },
		{ "192.0.2.1", false },
	};

	for (size_t i = 0; i < COUNT_OF(local_rows); i++) {
		struct network_address address;

		assert_int_equal(network_address_parse(local_rows[i].string, false, &address), 0);
		assert_int_equal(network_address_is_link_local(&address),
				 local_rows[i].is_link_local);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(masks),
		cmocka_unit_test(link_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
