/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_bridge.c - a bridge of another name, with an address
 *
 * In:    --bridge with --bip or --fixed-cidr, --mtu
 * Out:   the bridge, up; dockerd's command line without --bip
 * Not:   names and numbers that make no sense (dockerlaunch_arguments.c), netlink (netlink.c)
 * Facts: dockerd(8): --bridge must be there already, and is not to be with --bip
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "dockerd_words.h"
#include "dockerlaunch_place.h"
#include "lib/network_address.h"
#include "netlink.h"

/* 172.30.0.0/24 is a network: the first host of it is the bridge */
static void first_host(struct network_address *address)
{
	bool is_network = true;

	for (unsigned bit = address->prefix; bit < 32; bit++)
		is_network &= !(address->bytes[bit / 8] >> (7 - bit % 8) & 1);
	if (is_network && address->prefix < 31)
		address->bytes[3] |= 1;
}

static int address_parse(struct launch *launch, const char *option, const char *text,
			 struct network_address *ret_address)
{
	if (network_address_parse(text, true, ret_address) < 0 || ret_address->family != AF_INET ||
	    ret_address->prefix == 0)
		return launch_complain(
			launch,
			"dockerd's option '--%s' has the value '%s', which is no IPv4 "
			"address with a prefix, as 172.30.0.1/24",
			option, text);
	first_host(ret_address);
	return 0;
}

static int bridge_make(const char *name, const struct network_address *address, uint64_t mtu)
{
	int r = netlink_bridge_make(name);
	int index = r < 0 ? 0 : (int)if_nametoindex(name);

	if (r == 0 && index == 0)
		r = -errno;
	if (r == 0 && mtu)
		r = netlink_link_set_mtu(index, (uint32_t)mtu);
	if (r == 0)
		r = netlink_address_add(index, address);
	return r < 0 ? r : netlink_link_up(index);
}

int launch_bridge(struct launch *launch)
{
	const char *named = launch_setting(launch, "bridge", "bridge");
	const char *bip = launch_setting(launch, "bip", NULL);
	const char *fixed = launch_setting(launch, "fixed-cidr", NULL);
	CLEANUP(text_free) struct text shown = TEXT_EMPTY;
	struct network_address address = { 0 };
	char name[IFNAMSIZ] = "";
	uint64_t mtu = 0;
	int r;

	/* the words move when one is dropped */
	if (named)
		(void)snprintf(name, sizeof(name), "%s", named);
	if (!named || (!bip && !fixed))
		return launch_say(launch, LAUNCH_HAS, named ? name : "docker0",
				  "dockerd's own affair");
	if (text_equal(name, "none")) {
		launch_drop(launch, "bip");
		return launch_say(launch, LAUNCH_HAS, name, "no bridge is made");
	}
	r = address_parse(launch, bip ? "bip" : "fixed-cidr", bip ? bip : fixed, &address);
	if (r < 0)
		return r;
	(void)launch_mtu(launch, &mtu);
	network_address_format(&shown, &address, true);
	r = launch_changes(launch) ? bridge_make(name, &address, mtu)
				   : launch_refusal(launch, CAP_NET_ADMIN);
	launch_drop(launch, "bip");
	if (r < 0)
		return launch_say(launch, LAUNCH_LACKS, name,
				  "cannot be a bridge with the address %s: %s%s",
				  text_string(&shown),
				  r == -EOPNOTSUPP ? "no bridges in this kernel, or another "
						     "interface has this name"
						   : strerror(-r),
				  launch_needs(launch, CAP_NET_ADMIN));
	if (mtu)
		text_format(&shown, ", MTU %llu", (unsigned long long)mtu);
	return launch_say(launch, LAUNCH_MAKES, name, "a bridge with the address %s",
			  text_string(&shown));
}
