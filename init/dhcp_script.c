/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dhcp_script.c - what udhcpc calls when its lease changes
 *
 * In:    the event as the first argument, the lease in the environment: untrusted, whoever is on
 *        the wire wrote it
 * Out:   the interface's address, default routes and MTU, /etc/resolv.conf, a message to the helper
 * Not:   which interface, and starting the client (network.c)
 * Facts: busybox networking/udhcp/dhcpc.c (names of the variables); RFC 2132; resolv.conf(5)
 */
#include "dhcp_lease.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/file.h"
#include "machine.h"
#include "lib/unix_socket.h"

#define RESOLV_CONF "/etc/resolv.conf"
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

/* In place, never by rename: the file may be bind-mounted somewhere. A lease without name servers
 * leaves what is there. */
static int resolv_conf_write(const struct lease *lease)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;

	if (lease->dns_count == 0)
		return 0;
	if (lease->search.length > 0)
		text_format(&content, "search %s\n", text_string(&lease->search));
	for (size_t i = 0; i < lease->dns_count; i++) {
		char server[INET_ADDRSTRLEN];

		(void)inet_ntop(AF_INET, lease->dns[i].bytes, server, sizeof(server));
		text_format(&content, "nameserver %s\n", server);
	}
	if (content.failed)
		return -ENOMEM;
	return file_write(AT_FDCWD, RESOLV_CONF, text_string(&content), 0644);
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
							    metric + i)
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
	r = resolv_conf_write(&lease);
	if (r < 0)
		(void)complain(event, r, "cannot write '" RESOLV_CONF "'");

	lease_message(&lease, event->interface, &message);
	if (!message.failed)
		helper_tell(text_string(&message));
	return 0;
}

static int event_deconfig(const struct event *event)
{
	int r = netlink_link_up(event->index);

	if (r < 0)
		return complain(event, r, "cannot bring the link up");
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
