/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dhcp_lease.h - a DHCP lease, checked
 */
#pragma once

#include "lib/text.h"
#include "netlink.h"

#define LEASE_ROUTERS DEFAULT_ROUTES
#define LEASE_DNS 3 /* MAXNS of resolv.conf(5) */
#define LEASE_NTP 3

struct lease {
	struct network_address address; /* with prefix and broadcast */
	struct network_address routers[LEASE_ROUTERS];
	struct network_address dns[LEASE_DNS];
	struct network_address ntp[LEASE_NTP];
	size_t router_count, dns_count, ntp_count;
	uint32_t mtu;           /* 0: not given */
	struct text search;     /* domains, space separated; may be empty */
	struct text hostname;   /* may be empty */
	struct strings ignored; /* what was not usable, a sentence each */
};

#define LEASE_EMPTY ((struct lease){ 0 })

void lease_free(struct lease *lease);

/**
 * lease_parse() - read udhcpc's variables; untrusted input. Quiet
 * @variable: getenv(3), or what a test has instead
 *
 * What is not of its form is left out and noted in @ignored.
 *
 * Return: 0, -EINVAL when there is no usable address or mask, or -ENOMEM
 */
int lease_parse(struct lease *lease, char *(*variable)(const char *name));

/** lease_message() - "network bound IFACE ADDRESS/PREFIX GATEWAY DNS[,DNS] NTP[,NTP]", "-" for what
 * is not there: the message to the helper */
void lease_message(const struct lease *lease, const char *interface, struct text *message);
