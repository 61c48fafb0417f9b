/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dhcp_lease.c - udhcpc's environment into a lease
 *
 * In:    variables: ip, mask or subnet, broadcast, router, dns, ntpsrv, domain or search, hostname,
 *        mtu
 * Out:   struct lease, each value checked on its own
 * Not:   applying it (dhcp_script.c)
 * Facts: RFC 2132 sections 3.3, 5.1; RFC 1123 section 2.1 (names); RFC 1122 section 3.2.1.3
 */
#include "dhcp_lease.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/number.h"

#define SEARCH_LIMIT 256 /* MAXDNAME; also what old resolvers take in all */
#define NAME_LIMIT 253
#define MTU_LEAST 576 /* RFC 1122: what every host must take; less is a mistake or an attack */
#define MTU_MOST 65535

void lease_free(struct lease *lease)
{
	text_free(&lease->search);
	text_free(&lease->hostname);
	strings_free(&lease->ignored);
}

/* The value goes in with other than plain characters replaced: it ends up in a log line. */
static void lease_ignore(struct lease *lease, const char *name, const char *value)
{
	CLEANUP(text_free) struct text plain = TEXT_EMPTY;

	for (const char *at = value; *at != '\0' && plain.length < 64; at++)
		text_add_char(&plain, isgraph((unsigned char)*at) ? *at : '?');
	(void)strings_add_format(&lease->ignored, "%s '%s' of the lease is not valid, skipping",
				 name, text_string(&plain));
}

/* a host's address: not 0.0.0.0/8, not multicast or above */
static int address_parse(const char *string, struct network_address *address)
{
	if (inet_pton(AF_INET, string, address->bytes) != 1)
		return -EINVAL;
	if (address->bytes[0] == 0 || address->bytes[0] >= 224)
		return -EINVAL;
	address->family = AF_INET;
	return 0;
}

/* words of @value, one at a time: copied to @word, NULL at the end; too long ones are cut */
static const char *word_next(const char *value, char *word, size_t size)
{
	size_t length;

	value += strspn(value, " \t");
	length = strcspn(value, " \t");
	if (length == 0)
		return NULL;
	memset(word, 0, size);
	memcpy(word, value, length < size ? length : size - 1);
	return value + length;
}

static size_t addresses_parse(struct lease *lease, const char *name, const char *value,
			      struct network_address *addresses, size_t limit)
{
	size_t count = 0;
	char word[64];

	while (value && count < limit && (value = word_next(value, word, sizeof(word))) != NULL) {
		if (address_parse(word, &addresses[count]) == 0)
			count++;
		else
			lease_ignore(lease, name, word);
	}
	return count;
}

/* "24" or "255.255.255.0". Return: 0 or -EINVAL */
static int prefix_parse(const char *mask, const char *subnet, uint8_t *ret_prefix)
{
	struct in_addr address;
	uint64_t number;
	uint32_t bits;

	if (mask && number_parse(mask, &number) == 0 && number >= 1 && number <= 32) {
		*ret_prefix = (uint8_t)number;
		return 0;
	}
	if (!subnet || inet_pton(AF_INET, subnet, &address) != 1)
		return -EINVAL;
	bits = ntohl(address.s_addr);
	/* ones, then zeros */
	if (bits == 0 || (~bits & (~bits + 1)) != 0)
		return -EINVAL;
	*ret_prefix = (uint8_t)__builtin_popcount(bits);
	return 0;
}

static bool name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > NAME_LIMIT)
		return false;
	for (size_t i = 0; i < length; i++) {
		bool is_first = i == 0 || name[i - 1] == '.';

		if (!isalnum((unsigned char)name[i]) &&
		    (is_first || (name[i] != '-' && name[i] != '.' && name[i] != '_')))
			return false;
	}
	return true;
}

static void search_parse(struct lease *lease, const char *value)
{
	char word[NAME_LIMIT + 2];

	while (value && (value = word_next(value, word, sizeof(word))) != NULL) {
		if (!name_is_valid(word) ||
		    lease->search.length + strlen(word) + 1 > SEARCH_LIMIT) {
			lease_ignore(lease, "domain", word);
			continue;
		}
		text_add(&lease->search, lease->search.length > 0 ? " " : "");
		text_add(&lease->search, word);
	}
}

/* the one of the lease, if it can be one, else all ones in the host part; none for /31 and /32 */
static void broadcast_choose(struct lease *lease, const char *value)
{
	struct network_address *address = &lease->address;
	uint32_t own, host_bits, broadcast;

	if (address->prefix >= 31)
		return;
	memcpy(&own, address->bytes, sizeof(own));
	host_bits = htonl(UINT32_MAX >> address->prefix);
	broadcast = own | host_bits;
	if (value && (inet_pton(AF_INET, value, address->broadcast) != 1 ||
		      memcmp(&broadcast, address->broadcast, sizeof(broadcast)) != 0))
		lease_ignore(lease, "broadcast", value);
	memcpy(address->broadcast, &broadcast, sizeof(broadcast));
}

int lease_parse(struct lease *lease, char *(*variable)(const char *name))
{
	const char *ip = variable("ip"), *mtu = variable("mtu"), *search = variable("search");
	const char *hostname = variable("hostname");
	uint64_t number;

	if (!ip || address_parse(ip, &lease->address) < 0)
		return -EINVAL;
	if (prefix_parse(variable("mask"), variable("subnet"), &lease->address.prefix) < 0)
		return -EINVAL;
	broadcast_choose(lease, variable("broadcast"));
	lease->router_count =
		addresses_parse(lease, "router", variable("router"), lease->routers, LEASE_ROUTERS);
	lease->dns_count = addresses_parse(lease, "dns", variable("dns"), lease->dns, LEASE_DNS);
	lease->ntp_count =
		addresses_parse(lease, "ntpsrv", variable("ntpsrv"), lease->ntp, LEASE_NTP);
	search_parse(lease, search ? search : variable("domain"));
	if (hostname && name_is_valid(hostname) && strlen(hostname) <= HOST_NAME_MAX)
		text_add(&lease->hostname, hostname);
	else if (hostname)
		lease_ignore(lease, "hostname", hostname);
	if (mtu) {
		if (number_parse(mtu, &number) == 0 && number >= MTU_LEAST && number <= MTU_MOST)
			lease->mtu = (uint32_t)number;
		else
			lease_ignore(lease, "mtu", mtu);
	}
	return lease->search.failed || lease->hostname.failed ? -ENOMEM : 0;
}

static void message_address(struct text *message, const struct network_address *address)
{
	char string[INET_ADDRSTRLEN];

	text_add(message,
		 inet_ntop(AF_INET, address->bytes, string, sizeof(string)) ? string : "-");
}

static void message_list(struct text *message, const struct network_address *addresses,
			 size_t count)
{
	text_add(message, count > 0 ? " " : " -");
	for (size_t i = 0; i < count; i++) {
		text_add(message, i > 0 ? "," : "");
		message_address(message, &addresses[i]);
	}
}

void lease_message(const struct lease *lease, const char *interface, struct text *message)
{
	text_format(message, "network bound %s ", interface);
	message_address(message, &lease->address);
	text_format(message, "/%u ", (unsigned)lease->address.prefix);
	if (lease->router_count > 0)
		message_address(message, &lease->routers[0]);
	else
		text_add_char(message, '-');
	message_list(message, lease->dns, lease->dns_count);
	message_list(message, lease->ntp, lease->ntp_count);
}
