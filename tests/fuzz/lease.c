/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.c - a DHCP lease as udhcpc hands it over: a lease that is taken makes a message that the
 *           helper understands, and no control character gets through
 *
 * An input is lines of NAME=VALUE.
 */
#include "fuzz.h"
#include "init/control_message.h"
#include "init/dhcp_lease.h"

static struct strings lines;

/* valid as long as the lines, as getenv(3)'s are */
static char *variable(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < lines.count; i++)
		if (strncmp(lines.items[i], name, length) == 0 && lines.items[i][length] == '=')
			return lines.items[i] + length + 1;
	return NULL;
}

static void require_printable(const char *string)
{
	for (; *string; string++)
		REQUIRE(*string >= ' ' && *string <= '~');
}

static void check_lease(const struct lease *lease)
{
	CLEANUP(text_free) struct text message = TEXT_EMPTY;
	struct control_message parsed;

	REQUIRE(lease->address.prefix <= 32);
	REQUIRE(lease->router_count <= LEASE_ROUTERS && lease->dns_count <= LEASE_DNS);
	require_printable(text_string(&lease->search));
	lease_message(lease, "eth0", &message);
	REQUIRE(control_parse(text_string(&message), message.length, &parsed) == 0);
	REQUIRE(parsed.kind == CONTROL_NETWORK && text_equal(parsed.interface, "eth0"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(lease_free) struct lease lease = LEASE_EMPTY;
	CLEANUP(memory_free) char *string = fuzz_string(data, size);
	char *rest = string, *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		REQUIRE(strings_add(&lines, line) == 0);
	if (lease_parse(&lease, variable) == 0)
		check_lease(&lease);
	for (size_t i = 0; i < lease.ignored.count; i++)
		require_printable(lease.ignored.items[i]);
	strings_free(&lines);
	return 0;
}
