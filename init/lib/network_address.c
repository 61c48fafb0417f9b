/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network_address.c - an IPv4 or IPv6 address of a host, as people write it
 *
 * Facts: RFC 1122 section 3.2.1.3 (what no host has), RFC 4291 sections 2.2, 2.5.2, 2.7
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "network_address.h"
#include "number.h"

/* can a host have it? */
static bool is_host(const struct network_address *address)
{
	static const unsigned char none[16];

	if (address->family == AF_INET)
		return address->bytes[0] != 0 && address->bytes[0] < 224;
	return address->bytes[0] != 0xff && memcmp(address->bytes, none, sizeof(none)) != 0;
}

/* all ones in the host part; none for /31 and /32 */
static void set_prefix(struct network_address *address, uint8_t prefix)
{
	uint32_t broadcast;

	address->prefix = prefix;
	memset(address->broadcast, 0, sizeof(address->broadcast));
	if (address->family != AF_INET || prefix >= 31)
		return;
	memcpy(&broadcast, address->bytes, sizeof(broadcast));
	broadcast |= htonl(UINT32_MAX >> prefix);
	memcpy(address->broadcast, &broadcast, sizeof(broadcast));
}

static int prefix_parse(const char *string, uint8_t most, uint8_t *ret_prefix)
{
	uint64_t number;

	if (number_parse(string, &number) < 0 || number < 1 || number > most)
		return -EINVAL;
	*ret_prefix = (uint8_t)number;
	return 0;
}

int network_address_parse(const char *string, bool has_prefix, struct network_address *ret_address)
{
	struct network_address address = { .family = AF_INET };
	const char *slash = strchr(string, '/');
	size_t length = slash ? (size_t)(slash - string) : strlen(string);
	char copy[INET6_ADDRSTRLEN];
	uint8_t most, prefix;

	if ((slash != NULL) != has_prefix || length >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, string, length);
	copy[length] = '\0';
	if (strchr(copy, ':'))
		address.family = AF_INET6;
	most = address.family == AF_INET ? 32 : 128;
	if (inet_pton(address.family, copy, address.bytes) != 1 || !is_host(&address))
		return -EINVAL;
	prefix = most;
	if (slash && prefix_parse(slash + 1, most, &prefix) < 0)
		return -EINVAL;
	set_prefix(&address, prefix);
	*ret_address = address;
	return 0;
}

int network_address_mask(struct network_address *address, const char *mask)
{
	struct in_addr dotted;
	uint8_t prefix;
	uint32_t bits;

	if (prefix_parse(mask, address->family == AF_INET ? 32 : 128, &prefix) == 0) {
		set_prefix(address, prefix);
		return 0;
	}
	if (address->family != AF_INET || inet_pton(AF_INET, mask, &dotted) != 1)
		return -EINVAL;
	bits = ntohl(dotted.s_addr);
	/* ones, then zeros */
	if (bits == 0 || (~bits & (~bits + 1)) != 0)
		return -EINVAL;
	set_prefix(address, (uint8_t)__builtin_popcount(bits));
	return 0;
}

void network_address_format(struct text *text, const struct network_address *address,
			    bool has_prefix)
{
	char string[INET6_ADDRSTRLEN];

	text_add(text,
		 inet_ntop(address->family, address->bytes, string, sizeof(string)) ? string : "-");
	if (has_prefix)
		text_format(text, "/%u", (unsigned)address->prefix);
}

bool network_address_is_link_local(const struct network_address *address)
{
	return address->family == AF_INET6 && address->bytes[0] == 0xfe &&
	       (address->bytes[1] & 0xc0) == 0x80;
}
