/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network_parameters.c - ip=, nameserver= and mkinitrd.network= in the plan
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "init/network_parameters.h"

#define PLAN "network match=eth* method=dhcp accept-ra=yes\n"
#define WIRED "network match=e[nt]* "

/* @result: a part of the plan afterwards, or of the reason why not */
// clang-format off
static const struct {
	const char *line, *result;
} rows[] = {
	/* the kernel's */
	{ "ip=192.0.2.5::192.0.2.1:255.255.255.0:box:eth0:off",
	  "network match=eth0 method=static address=192.0.2.5/24 gateway=192.0.2.1 accept-ra=yes\n" PLAN },
	{ "ip=192.0.2.5::192.0.2.1:255.255.255.0:box:eth0:off", "hostname is=box\n" },
	{ "ip=192.0.2.5", WIRED "method=static address=192.0.2.5/24 accept-ra=yes\n" },
	{ "ip=10.0.0.5", WIRED "method=static address=10.0.0.5/8 accept-ra=yes\n" },
	{ "ip=172.16.0.5", WIRED "method=static address=172.16.0.5/16 accept-ra=yes\n" },
	{ "ip=dhcp", WIRED "method=dhcp accept-ra=yes\n" PLAN },
	{ "ip=any", WIRED "method=dhcp accept-ra=yes\n" },
	{ "ip=off", WIRED "method=none accept-ra=yes\n" },
	{ "ip=:::::eth1:dhcp", "network match=eth1 method=dhcp accept-ra=yes\n" PLAN },
	{ "ip=::::box::dhcp", "hostname is=box\n" },
	{ "ip=:::::eth1", "network match=eth1 method=dhcp accept-ra=yes\n" },
	{ "ip=192.0.2.5:198.51.100.1:192.0.2.1:255.255.255.0::eth0:none:192.0.2.2:192.0.2.3:192.0.2.4",
	  "gateway=192.0.2.1 dns=192.0.2.2 dns=192.0.2.3 accept-ra=yes\n" },
	{ "ip=192.0.2.5:198.51.100.1:192.0.2.1:255.255.255.0::eth0:none:192.0.2.2:192.0.2.3:192.0.2.4",
	  "ntp server=192.0.2.4\n" },
	/* dracut's */
	{ "ip=eth0:dhcp", "network match=eth0 method=dhcp accept-ra=yes\n" PLAN },
	{ "ip=eth0:dhcp:1400", "network match=eth0 method=dhcp mtu=1400 accept-ra=yes\n" PLAN },
	{ "ip=eth0:auto6", "network match=eth0 method=static accept-ra=yes\n" PLAN },
	{ "ip=auto6", WIRED "method=static accept-ra=yes\n" PLAN },
	{ "ip=eth0:off", "network match=eth0 method=none accept-ra=yes\n" PLAN },
	{ "ip=192.0.2.5/25::192.0.2.1:::eth0:none", "address=192.0.2.5/25 gateway=192.0.2.1" },
	{ "ip=192.0.2.5::192.0.2.1:25::eth0:none", "address=192.0.2.5/25 gateway=192.0.2.1" },
	{ "ip=192.0.2.5::192.0.2.1:25::eth0:none:9000", "gateway=192.0.2.1 mtu=9000" },
	{ "ip=[2001:DB8::5]::[2001:db8::1]:48:box:eth0:none:[2001:db8::53]",
	  "address=2001:db8::5/48 gateway=2001:db8::1 dns=2001:db8::53" },
	{ "ip=[2001:db8::5/56]::[fe80::1]:::eth0:none", "address=2001:db8::5/56 gateway=fe80::1" },
	{ "ip=[2001:db8::5]:::::eth0:none", "address=2001:db8::5/64" },
	/* in their order, before the plan's */
	{ "ip=eth1:dhcp ip=eth0:off",
	  "network match=eth1 method=dhcp accept-ra=yes\nnetwork match=eth0 method=none accept-ra=yes\n" PLAN },
	{ "ip=eth1:dhcp mkinitrd.network=none",
	  "network match=eth1 method=dhcp accept-ra=yes\n" WIRED "method=none accept-ra=yes\n" },
	{ "mkinitrd.network=mac:52:54:00:12:34:56:dhcp",
	  "network match=mac:52:54:00:12:34:56 method=dhcp accept-ra=yes\n" },
	{ "nameserver=192.0.2.2 nameserver=[2001:db8::53] nameserver=2001:db8::54",
	  "resolver server=192.0.2.2 server=2001:db8::53 server=2001:db8::54\n" },
	{ "ip= foreign=1", "mode is=exec\n" PLAN },
	/* mistakes */
	{ "ip=dhcp6", "ip=dhcp6: neither an address nor a way to get one: 'dhcp6'" },
	{ "ip=eth0:ibft", "neither an address nor a way to get one: 'ibft'" },
	{ "ip=192.0.2.5::192.0.2.1:255.0.255.0::eth0:none", "not a netmask: '255.0.255.0'" },
	{ "ip=192.0.2.5::router:24::eth0:none", "not the address of a host: 'router'" },
	{ "ip=192.0.2.5/33:::::eth0:none", "not the address of a host: '192.0.2.5/33'" },
	{ "ip=192.0.2.5::::::sometimes", "not a way to get an address: 'sometimes'" },
	{ "ip=eth0:dhcp::52:54:00:12:34:56", "not a way to get an address" },
	{ "ip=eth0:dhcp::525400123456", "setting a MAC address is not supported" },
	{ "ip=eth0:dhcp:12", "not an MTU: '12'" },
	{ "ip=[2001:db8::5:::::eth0:none", "a '[' or ']' without the other" },
	{ "ip=[2001:db8::5]x:::::eth0:none", "a '[' or ']' without the other" },
	{ "ip=1:2:3:4:5:6:7:8:9:10:11", "too many ':'" },
	{ "nameserver=resolver", "nameserver=resolver: give the address" },
	{ "mkinitrd.network=eth0:static", "give dhcp, none" },
};
// clang-format on

static void parameters(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		static const char plan[] = "mkinitrd-plan 1\n" PLAN;
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		CLEANUP(memory_free) char *error = NULL;
		struct machine machine = { 0 };
		struct step_record record = { .name = "plan" };

		print_message("row: %zu, '%s'\n", i, rows[i].line);
		assert_int_equal(bootplan_parse(&machine.plan, plan, strlen(plan), &error), 0);
		assert_int_equal(cmdline_parse(&machine.cmdline, rows[i].line), 0);
		if (network_parameters_apply(&machine, &record) < 0)
			text_add(&text, record.details);
		else
			assert_int_equal(bootplan_format(&machine.plan, &text), 0);
		if (!strstr(text_string(&text), rows[i].result))
			assert_string_equal(text_string(&text), rows[i].result);
		bootplan_free(&machine.plan);
		cmdline_free(&machine.cmdline);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
