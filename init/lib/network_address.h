/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network_address.h - an IPv4 or IPv6 address of a host, as people write it
 *
 * Quiet; on failure the output is untouched.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

struct network_address {
	int family;                  /* AF_INET or AF_INET6 */
	unsigned char bytes[16];     /* network byte order; IPv4 uses the first four */
	uint8_t prefix;              /* bits */
	unsigned char broadcast[16]; /* all zero: none is set */
};

/**
 * network_address_parse() - "192.0.2.1" or "2001:db8::1", the address of one host
 * @has_prefix: "/BITS" must follow; else none may, and @ret_address is of the full length
 *
 * Return: 0, or -EINVAL (also for the unspecified address, multicast and 0.0.0.0/8)
 */
int network_address_parse(const char *string, bool has_prefix, struct network_address *ret_address);

/** network_address_mask() - @mask as "24" or "255.255.255.0" becomes the prefix, and IPv4 gets its
 * broadcast address. Return: 0 or -EINVAL */
int network_address_mask(struct network_address *address, const char *mask);

/** network_address_format() - append it, with "/BITS" when @has_prefix */
void network_address_format(struct text *text, const struct network_address *address,
			    bool has_prefix);

/** network_address_is_link_local() - fe80::/10, which means something on one link only */
bool network_address_is_link_local(const struct network_address *address);
