/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dhcp_script.c - what udhcpc calls when its lease changes
 *
 * In:    the event as the first argument, the lease in the environment: untrusted, whoever is on
 *        the wire wrote it
 * Out:   the interface's address, default routes and MTU, its name servers, the host name where
 *        there is none, a message to the helper
 * Not:   which interface, and starting the client (network.c)
 * Facts: busybox networking/udhcp/dhcpc.c (names of the variables); RFC 2132; resolv.conf(5)
 */
#include "dhcp_lease.h"

#include <errno.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/unix_socket.h"
#include "machine.h"
#include "resolver.h"

#define LEASE_SOURCE ".lease"
#define ANSWER_WAIT_MS 1000

struct event {
	const char *interface;
	int index;
};

static int complain(const struct event *event, int error, const char *what)
{
	/* one write for the line, so that it stays whole among those of others */
	(void)dprintf(STDERR_FILENO, "mkinitrd: network: %s: %s%s%s\n", event->interface, what,
		      error < 0 ? ": " : "", error < 0 ? strerror(-error) : "");
	return error;
}

static int resolver_write(const struct event *event, const struct lease *lease)
{
	CLEANUP(strings_free) struct strings servers = STRINGS_EMPTY, domains = STRINGS_EMPTY;
	int r = 0;

	for (size_t i = 0; r == 0 && i < lease->dns_count; i++) {
		CLEANUP(text_free) struct text server = TEXT_EMPTY;

		network_address_format(&server, &lease->dns[i], false);
		r = strings_add(&servers, text_string(&server));
	}
	if (r == 0 && lease->search.length > 0)
		r = strings_add(&domains, text_string(&lease->search));
	return r < 0 ? r : resolver_set(event->interface, LEASE_SOURCE, &servers, &domains);
}

/* One that the profile, the disk or somebody gave the machine stays: the kernel calls it "(none)"
 * until then. */
static void hostname_take(const struct event *event, const struct lease *lease)
{
	char present[HOST_NAME_MAX + 1] = "";

	if (lease->hostname.length == 0 || gethostname(present, sizeof(present)) < 0 ||
	    !text_equal(present, "(none)"))
		return;
	if (sethostname(text_string(&lease->hostname), lease->hostname.length) < 0)
		(void)complain(event, -errno, "cannot set the host name of the lease");
}

/* Each interface has metrics of its own, so that two with a lease do not fight for the default
 * route: the one that the kernel found first wins. */
static int routes_replace(const struct event *event, const struct lease *lease)
{
	uint32_t metric = (uint32_t)event->index * LEASE_ROUTERS;
	int r, first_error = 0;

	for (uint32_t i = 0; i < LEASE_ROUTERS; i++) {
		r = i < lease->router_count
			    ? netlink_route_replace_default(event->index, &lease->routers[i],
							    RTPROT_DHCP, metric + i)
			    : netlink_route_delete_default(event->index, AF_INET, metric + i);
		if (r < 0 && first_error == 0)
			first_error = r;
	}
	return first_error;
}

/* Tell the helper, which may not be there. Its answer is waited for, so that it can take the
 * message before our end is closed; what it says changes nothing here. */
static void helper_tell(const char *message)
{
	CLEANUP(fd_close) int fd = -1;
	struct pollfd pollfd = { .events = POLLIN };

	if (unix_connect(CONTROL_PATH, SOCK_SEQPACKET, &fd) < 0)
		return;
	pollfd.fd = fd;
	if (send(fd, message, strlen(message), MSG_NOSIGNAL) > 0)
		(void)poll(&pollfd, 1, ANSWER_WAIT_MS);
}

static int event_bound(const struct event *event)
{
	CLEANUP(lease_free) struct lease lease = LEASE_EMPTY;
	CLEANUP(text_free) struct text message = TEXT_EMPTY;
	int r;

	r = lease_parse(&lease, getenv);
	for (size_t i = 0; i < lease.ignored.count; i++)
		(void)complain(event, 0, lease.ignored.items[i]);
	if (r < 0)
		return complain(event, r, "the lease has no usable address");

	/* old ones first: as long as one of the same subnet is there, the new one would be its
	 * secondary address and go with it */
	r = netlink_address_flush(event->index, AF_INET, &lease.address);
	if (r < 0)
		(void)complain(event, r, "cannot remove old addresses");
	r = netlink_address_add(event->index, &lease.address);
	if (r < 0)
		return complain(event, r, "cannot set the address");
	if (lease.mtu > 0) {
		r = netlink_link_set_mtu(event->index, lease.mtu);
		if (r < 0)
			(void)complain(event, r, "cannot set the MTU of the lease");
	}
	r = routes_replace(event, &lease);
	if (r < 0)
		(void)complain(event, r, "cannot set the default route");
	hostname_take(event, &lease);
	r = resolver_write(event, &lease);
	if (r < 0)
		(void)complain(event, r, "cannot write '" RESOLV_CONF "'");

	lease_message(&lease, event->interface, &message);
	if (!message.failed)
		helper_tell(text_string(&message));
	return 0;
}

static int event_deconfig(const struct event *event)
{
	CLEANUP(text_free) struct text message = TEXT_EMPTY;
	int r = netlink_link_up(event->index);

	if (r < 0)
		return complain(event, r, "cannot bring the link up");
	(void)resolver_set(event->interface, LEASE_SOURCE, NULL, NULL);
	text_format(&message, "network lost %s", event->interface);
	if (!message.failed)
		helper_tell(text_string(&message));
	r = netlink_address_flush(event->index, AF_INET, NULL);
	return r < 0 ? complain(event, r, "cannot remove old addresses") : 0;
}

/* the client goes on by itself; who waits for the network has a deadline of its own */
static int event_nothing(const struct event *event)
{
	(void)event;
	return 0;
}

// clang-format off
static const struct {
	const char *name;
	int (*function)(const struct event *event);
} events[] = {
	{ "deconfig",  event_deconfig },
	{ "bound",     event_bound },
	{ "renew",     event_bound },
	{ "leasefail", event_nothing },
	{ "nak",       event_nothing },
};
// clang-format on

int applet_dhcp_script(int argc, char **argv)
{
	struct event event = { .interface = getenv("interface") };

	if (!event.interface)
		event.interface = "";
	event.index = (int)if_nametoindex(event.interface);
	if (event.index == 0) {
		(void)complain(&event, -ENODEV, "no such interface");
		return 1;
	}
	for (size_t i = 0; argc > 1 && i < COUNT_OF(events); i++)
		if (text_equal(argv[1], events[i].name))
			return events[i].function(&event) < 0;
	(void)complain(&event, 0, "called without an event of udhcpc");
	return 1;
}
