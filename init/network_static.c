/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network_static.c - what the plan says about an interface, told to the kernel
 *
 * In:    the plan's line for it
 * Out:   link, MTU, settings of IPv6; addresses, default routes, name servers
 * Not:   leases (dhcp_script.c)
 * Facts: kernel Documentation/networking/ip-sysctl.rst: a host that forwards takes no router
 *        advertisements unless accept_ra is 2, and Docker switches forwarding on; routes through a
 *        link without carrier are left out where ignore_routes_with_linkdown is 1, so that another
 *        card's default route counts
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/file.h"
#include "netlink.h"
#include "network_interface.h"
#include "resolver.h"

static void complain(const struct interface *interface, int error, const char *what)
{
	(void)log_line(LOG_WARNING, error, "network: %s: cannot %s: %s", interface->name, what,
		       strerror(-error));
}

/* one that the kernel does not have is none that we need */
static void set(const struct interface *interface, const char *family, const char *name,
		const char *value)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r;

	text_format(&path, "/proc/sys/net/%s/conf/%s/%s", family, interface->name, name);
	r = file_write_existing(AT_FDCWD, text_string(&path), value);
	if (r < 0 && r != -ENOENT)
		complain(interface, r, name);
}

void interface_prepare(struct interface *interface)
{
	const struct plan_network *plan = interface->plan;
	int r;

	set(interface, "ipv6", "accept_ra", plan->accept_ra == PLAN_RA_YES ? "2" : "0");
	set(interface, "ipv4", "ignore_routes_with_linkdown", "1");
	set(interface, "ipv6", "ignore_routes_with_linkdown", "1");
	if (plan->mtu > 0) {
		r = netlink_link_set_mtu(interface->index, (uint32_t)plan->mtu);
		if (r < 0)
			complain(interface, r, "set the MTU");
	}
	/* the client's script does that too; now the line has had some time when it asks */
	r = netlink_link_up(interface->index);
	if (r < 0)
		complain(interface, r, "bring it up");
	if (plan->dns.count > 0 || plan->search.count > 0) {
		r = resolver_set(interface->name, ".config", &plan->dns, &plan->search);
		if (r < 0)
			complain(interface, r, "write '" RESOLV_CONF "'");
	}
}

static void list_add(struct text *list, const char *word)
{
	text_format(list, "%s%s", list->length > 0 ? "," : "", word);
}

/* each of @words that could be set goes into @done */
static void add_addresses(const struct interface *interface, struct text *done)
{
	const struct strings *words = &interface->plan->address;

	for (size_t i = 0; i < words->count; i++) {
		struct network_address address;
		int r = network_address_parse(words->items[i], true, &address);

		if (r == 0)
			r = netlink_address_add(interface->index, &address);
		if (r < 0)
			(void)log_line(LOG_WARNING, r,
				       "network: %s: cannot set the address '%s': %s",
				       interface->name, words->items[i], strerror(-r));
		else
			list_add(done, words->items[i]);
	}
}

/* Each interface has metrics of its own, as with leases: the one that the kernel found first wins
 */
static void add_gateways(const struct interface *interface, struct text *done)
{
	const struct strings *words = &interface->plan->gateway;

	for (size_t i = 0; i < words->count; i++) {
		struct network_address gateway;
		int r = network_address_parse(words->items[i], false, &gateway);

		if (r == 0)
			r = netlink_route_replace_default(interface->index, &gateway, RTPROT_STATIC,
							  (uint32_t)interface->index *
								  DEFAULT_ROUTES);
		if (r < 0)
			(void)log_line(LOG_WARNING, r,
				       "network: %s: cannot set the gateway '%s': %s",
				       interface->name, words->items[i], strerror(-r));
		else
			list_add(done, words->items[i]);
	}
}

void interface_configure(struct interface *interface)
{
	CLEANUP(text_free)
	struct text lease = TEXT_EMPTY, addresses = TEXT_EMPTY, gateways = TEXT_EMPTY,
		    dns = TEXT_EMPTY;

	add_addresses(interface, &addresses);
	add_gateways(interface, &gateways);
	for (size_t i = 0; i < interface->plan->dns.count; i++)
		list_add(&dns, interface->plan->dns.items[i]);
	if (addresses.length == 0)
		return; /* what routers advertise: network_events.c */
	text_format(&lease, "interface=%s address=%s gateway=%s dns=%s", interface->name,
		    text_string(&addresses), gateways.length > 0 ? text_string(&gateways) : "-",
		    dns.length > 0 ? text_string(&dns) : "-");
	interface_has(interface, text_string(&lease), gateways.length > 0);
}
