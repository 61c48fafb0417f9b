/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network_events.c - what the kernel tells about interfaces
 *
 * In:    rtnetlink's messages: links, IPv6 addresses, options of router advertisements
 * Out:   interfaces taken up and dropped; leases asked for anew when a carrier is back; addresses
 *        and name servers that routers advertise
 * Facts: rtnetlink(7); RFC 8106 section 5.1 (name servers in router advertisements), which the
 *        kernel hands on without acting on them; IFF_LOWER_UP is the carrier: netdevice(7)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/network_address.h"
#include "network_interface.h"
#include "resolver.h"

#define CARRIER 0x10000u       /* IFF_LOWER_UP, which <net/if.h> lacks */
#define OPTION_RDNSS 25        /* RFC 8106 */
#define RDNSS_HEADER_BYTES 8   /* type, length, reserved, lifetime */
#define ICMP_ROUTER_ADVERT 134 /* RFC 4861 */

static struct interface *interface_at(const struct network *network, int index)
{
	struct interface *interface = network->interfaces;

	while (interface && interface->index != index)
		interface = interface->next;
	return interface;
}

/* ---- links ---- */

static void carrier_changed(struct interface *interface, bool has_carrier)
{
	if (interface->has_lost_carrier == !has_carrier)
		return;
	if (!has_carrier) {
		/* before it ever had an address, that is a matter for the deadline's line */
		if (!interface->lease[0])
			return;
		interface->has_lost_carrier = true;
		(void)log_line(LOG_WARNING, 0, "network: %s has lost its carrier", interface->name);
		return;
	}
	interface->has_lost_carrier = false;
	(void)log_line(LOG_INFO, 0, "network: %s has a carrier again%s", interface->name,
		       interface->client.pid > 0 ? ", asking whether its lease still holds" : "");
	client_renew(interface);
}

/* Return: whether there may be a new interface */
static bool link_message(struct network *network, struct nlmsghdr *header)
{
	const struct ifinfomsg *link = NLMSG_DATA(header);
	struct interface *interface = interface_at(network, link->ifi_index);

	/* ports of bridges have messages of the same types */
	if (link->ifi_family != AF_UNSPEC)
		return false;
	if (header->nlmsg_type == RTM_NEWLINK && interface)
		carrier_changed(interface, (link->ifi_flags & CARRIER) != 0);
	if (header->nlmsg_type == RTM_NEWLINK)
		return !interface;
	/* one with a client is dropped when that has ended; it notices only when it renews */
	if (interface && interface->client.pid > 0)
		client_end(interface);
	else if (interface)
		interface_free(interface);
	return false;
}

/* ---- router advertisements ---- */

/* an IPv6 address by which others can reach this machine, checked for duplicates */
static void address_message(struct network *network, struct nlmsghdr *header)
{
	struct ifaddrmsg *shown = NLMSG_DATA(header);
	struct interface *interface = interface_at(network, (int)shown->ifa_index);
	struct network_address address = { .family = AF_INET6, .prefix = shown->ifa_prefixlen };
	size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*shown));
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	bool is_dynamic = !(shown->ifa_flags & IFA_F_PERMANENT);
	struct rtattr *found = NULL;

	if (!interface || shown->ifa_family != AF_INET6 || shown->ifa_scope != RT_SCOPE_UNIVERSE)
		return;
	for (struct rtattr *attribute = IFA_RTA(shown); RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left))
		if (attribute->rta_type == IFA_ADDRESS &&
		    RTA_PAYLOAD(attribute) >= sizeof(address.bytes))
			found = attribute;
	if (!found || !is_dynamic || shown->ifa_flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED))
		return;
	memcpy(address.bytes, RTA_DATA(found), sizeof(address.bytes));
	text_format(&text, "interface=%s address=", interface->name);
	network_address_format(&text, &address, true);
	text_add(&text, " source=router");
	/* it is the interface's lease where nothing else is wanted; else one more address */
	if (interface->plan->method == PLAN_METHOD_STATIC && interface->plan->address.count == 0)
		interface_has(interface, text_string(&text), true);
	else if (!text_equal(interface->advertised, text_string(&text)))
		(void)log_line(LOG_INFO, 0, "network: %s", text_string(&text));
	(void)snprintf(interface->advertised, sizeof(interface->advertised), "%s",
		       text_string(&text));
}

/* Lifetimes are not kept: what a router advertised holds until it advertises something else, or
 * takes it back with a lifetime of 0 */
static void rdnss_option(const struct interface *interface, const unsigned char *option,
			 size_t size)
{
	CLEANUP(strings_free) struct strings servers = STRINGS_EMPTY;
	static const unsigned char never[4];
	int r = 0;

	if (memcmp(option + 4, never, sizeof(never)) == 0)
		size = 0;
	for (size_t at = RDNSS_HEADER_BYTES; r == 0 && at + 16 <= size; at += 16) {
		struct network_address server = { .family = AF_INET6 };
		CLEANUP(text_free) struct text text = TEXT_EMPTY;

		memcpy(server.bytes, option + at, sizeof(server.bytes));
		network_address_format(&text, &server, false);
		if (network_address_is_link_local(&server))
			text_format(&text, "%%%s", interface->name);
		r = strings_add(&servers, text_string(&text));
	}
	if (r == 0)
		r = resolver_set(interface->name, ".router", &servers, NULL);
	if (r < 0)
		(void)log_line(LOG_WARNING, r, "network: %s: cannot write '" RESOLV_CONF "': %s",
			       interface->name, strerror(-r));
}

static void option_message(const struct network *network, struct nlmsghdr *header)
{
	const struct nduseroptmsg *message = NLMSG_DATA(header);
	const struct interface *interface = interface_at(network, message->nduseropt_ifindex);
	const unsigned char *options = (const unsigned char *)message + sizeof(*message);
	size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*message));

	if (!interface || interface->plan->accept_ra == PLAN_RA_NO ||
	    message->nduseropt_family != AF_INET6 ||
	    message->nduseropt_icmp_type != ICMP_ROUTER_ADVERT)
		return;
	if (left > message->nduseropt_opts_len)
		left = message->nduseropt_opts_len;
	while (left >= RDNSS_HEADER_BYTES) {
		size_t size =
			(size_t)options[1] * 8; /* in units of 8 bytes: RFC 4861 section 4.6 */

		if (size == 0 || size > left)
			return;
		if (options[0] == OPTION_RDNSS)
			rdnss_option(interface, options, size);
		options += size;
		left -= size;
	}
}

/* ---- all of them ---- */

/* Return: whether there may be a new interface */
static bool take(struct network *network, struct nlmsghdr *header)
{
	size_t length = header->nlmsg_len;

	switch (header->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return length >= NLMSG_LENGTH(sizeof(struct ifinfomsg)) &&
		       link_message(network, header);
	case RTM_NEWADDR:
		if (length >= NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
			address_message(network, header);
		return false;
	case RTM_NEWNDUSEROPT:
		if (length >= NLMSG_LENGTH(sizeof(struct nduseroptmsg)))
			option_message(network, header);
		return false;
	default:
		return false;
	}
}

static void events_ready(struct supervisor *supervisor, struct watch *watch)
{
	union {
		struct nlmsghdr header;
		char bytes[16384];
	} messages;
	bool is_new = false;
	ssize_t count;

	while ((count = recv(watch->fd, &messages, sizeof(messages), MSG_DONTWAIT)) > 0 ||
	       (count < 0 && errno == ENOBUFS)) {
		size_t left = count > 0 ? (size_t)count : 0;

		is_new |= count < 0; /* messages were lost: look at everything */
		if (supervisor->is_ending)
			continue;
		for (struct nlmsghdr *header = &messages.header; NLMSG_OK(header, left);
		     header = NLMSG_NEXT(header, left))
			is_new |= take(watch->owner, header);
	}
	if (!supervisor->is_ending)
		network_changed(watch->owner, is_new);
}

int network_events_open(struct network *network)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK,
					     .nl_groups = RTMGRP_LINK | RTMGRP_IPV6_IFADDR };
	int option_group = RTNLGRP_ND_USEROPT;
	int r;

	network->events = (struct watch){ .ready = events_ready, .owner = network };
	network->events.fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (network->events.fd < 0 ||
	    bind(network->events.fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	/* a kernel without IPv6 does not have it */
	(void)setsockopt(network->events.fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &option_group,
			 sizeof(option_group));
	r = watch_add(network->supervisor, &network->events, false);
	return r;
}
