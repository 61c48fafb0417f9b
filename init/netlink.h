/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netlink.h - addresses, routes and links of this machine, one rtnetlink request each
 *
 * Quiet: 0 or a negative errno, the kernel's own where it refuses. Source: rtnetlink(7).
 */
#pragma once

#include <stdint.h>

#include "lib/network_address.h"

/* metrics that each interface has for itself, so that two with a default route do not fight for it:
 * index times this, and the next ones */
#define DEFAULT_ROUTES 4

/** netlink_link_up() - also for one that is up */
int netlink_link_up(int index);
int netlink_link_set_mtu(int index, uint32_t mtu);

/** netlink_bridge_make() - one that is there already is fine. -EOPNOTSUPP: the kernel has no
 * bridges, or what has this name is none */
int netlink_bridge_make(const char *name);

/** netlink_address_add() - add an address to a link, or renew it */
int netlink_address_add(int index, const struct network_address *address);

/**
 * netlink_address_flush() - remove the addresses of a link
 * @keep: when not NULL, the one that stays
 *
 * The kernel drops the link's routes of this family with its last IPv4 address.
 */
int netlink_address_flush(int index, int family, const struct network_address *keep);

/**
 * netlink_route_replace_default() - a default route through @gateway
 * @protocol: RTPROT_DHCP or RTPROT_STATIC: who says so, for people who look
 * @metric: of several default routes the lowest wins; one of the same metric is replaced
 *
 * The gateway is taken to be on the link, also when no address of the link says so: a /32 with a
 * gateway outside of it is usual with some providers.
 */
int netlink_route_replace_default(int index, const struct network_address *gateway,
				  uint8_t protocol, uint32_t metric);

/** netlink_route_delete_default() - that there is none is fine */
int netlink_route_delete_default(int index, int family, uint32_t metric);
