/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netlink.c - a few rtnetlink requests
 *
 * In:    link index, addresses
 * Out:   the kernel's answer to each as 0 or a negative errno
 * Not:   where addresses come from (dhcp_script.c), which link (network.c)
 * Facts: rtnetlink(7), netlink(7)
 */
#include "netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"

#define REQUEST_SIZE 256
#define ANSWER_SIZE (32u << 10)

struct request {
	union {
		struct nlmsghdr header;
		char bytes[REQUEST_SIZE];
	};
};

static size_t address_size(int family)
{
	return family == AF_INET ? 4 : 16;
}

/* start a message of @type whose fixed part has @size bytes; returns that part, zeroed */
static void *request_begin(struct request *request, uint16_t type, uint16_t flags, size_t size)
{
	memset(request, 0, sizeof(*request));
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
	request->header.nlmsg_seq = 1;
	return NLMSG_DATA(&request->header);
}

/* requests are small and made here only: they fit */
static void request_add(struct request *request, uint16_t type, const void *bytes, size_t size)
{
	size_t offset = NLMSG_ALIGN(request->header.nlmsg_len);
	struct rtattr attribute = {
		.rta_type = type,
		.rta_len = (uint16_t)RTA_LENGTH(size),
	};

	memcpy(request->bytes + offset, &attribute, sizeof(attribute));
	memcpy(request->bytes + offset + RTA_LENGTH(0), bytes, size);
	request->header.nlmsg_len = (uint32_t)(offset + RTA_SPACE(size));
}

static void request_add_number(struct request *request, uint16_t type, uint32_t number)
{
	request_add(request, type, &number, sizeof(number));
}

static int netlink_open(int *ret_fd)
{
	const struct timeval patience = { .tv_sec = 10 };
	CLEANUP(fd_close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	*ret_fd = fd_take(&fd);
	return 0;
}

static int netlink_send(int fd, const struct request *request)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t count = sendto(fd, request, request->header.nlmsg_len, 0,
			       (const struct sockaddr *)&kernel, sizeof(kernel));

	return count < 0 ? -errno : 0;
}

/* send one request and take the kernel's acknowledgement */
static int netlink_do(struct request *request)
{
	union {
		struct nlmsghdr header;
		char bytes[4096];
	} answer;
	CLEANUP(fd_close) int fd = -1;
	const struct nlmsgerr *error;
	ssize_t count;
	int r;

	request->header.nlmsg_flags |= NLM_F_ACK;
	r = netlink_open(&fd);
	if (r >= 0)
		r = netlink_send(fd, request);
	if (r < 0)
		return r;
	count = recv(fd, &answer, sizeof(answer), 0);
	if (count < 0)
		return -errno;
	if (!NLMSG_OK(&answer.header, (size_t)count) || answer.header.nlmsg_type != NLMSG_ERROR ||
	    answer.header.nlmsg_len < NLMSG_LENGTH(sizeof(*error)))
		return -EPROTO;
	error = NLMSG_DATA(&answer.header);
	return error->error;
}

/* ---- links ---- */

int netlink_link_up(int index)
{
	struct request request;
	struct ifinfomsg *link = request_begin(&request, RTM_NEWLINK, 0, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	link->ifi_index = index;
	link->ifi_flags = IFF_UP;
	link->ifi_change = IFF_UP;
	return netlink_do(&request);
}

int netlink_link_set_mtu(int index, uint32_t mtu)
{
	struct request request;
	struct ifinfomsg *link = request_begin(&request, RTM_NEWLINK, 0, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	link->ifi_index = index;
	request_add_number(&request, IFLA_MTU, mtu);
	return netlink_do(&request);
}

int netlink_bridge_make(const char *name)
{
	/* IFLA_INFO_DATA, though empty, makes the kernel compare the kinds of one that is there */
	static const char kind[] = "bridge";
	struct rtattr inside[2] = {
		{ .rta_type = IFLA_INFO_KIND, .rta_len = RTA_LENGTH(sizeof(kind)) },
		{ .rta_type = IFLA_INFO_DATA, .rta_len = RTA_LENGTH(0) },
	};
	char information[RTA_SPACE(sizeof(kind)) + RTA_SPACE(0)] = { 0 };
	struct request request;
	struct ifinfomsg *link = request_begin(&request, RTM_NEWLINK, NLM_F_CREATE, sizeof(*link));

	link->ifi_family = AF_UNSPEC;
	memcpy(information, &inside[0], sizeof(inside[0]));
	memcpy(information + RTA_LENGTH(0), kind, sizeof(kind));
	memcpy(information + RTA_SPACE(sizeof(kind)), &inside[1], sizeof(inside[1]));
	if (strlen(name) >= IFNAMSIZ)
		return -ENAMETOOLONG;
	request_add(&request, IFLA_IFNAME, name, strlen(name) + 1);
	request_add(&request, IFLA_LINKINFO, information, sizeof(information));
	return netlink_do(&request);
}

/* ---- addresses ---- */

int netlink_address_add(int index, const struct network_address *address)
{
	static const unsigned char none[16];
	size_t size = address_size(address->family);
	struct request request;
	struct ifaddrmsg *message = request_begin(&request, RTM_NEWADDR,
						  NLM_F_CREATE | NLM_F_REPLACE, sizeof(*message));

	message->ifa_family = (uint8_t)address->family;
	message->ifa_prefixlen = address->prefix;
	message->ifa_scope = RT_SCOPE_UNIVERSE;
	message->ifa_index = (uint32_t)index;
	request_add(&request, IFA_LOCAL, address->bytes, size);
	request_add(&request, IFA_ADDRESS, address->bytes, size);
	if (address->family == AF_INET && memcmp(address->broadcast, none, size) != 0)
		request_add(&request, IFA_BROADCAST, address->broadcast, size);
	return netlink_do(&request);
}

/* remove the address that a dump has shown, when it is of this link and not the one to keep */
static int address_flush_one(struct nlmsghdr *header, int index, int family,
			     const struct network_address *keep)
{
	struct ifaddrmsg *shown = NLMSG_DATA(header);
	size_t left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*shown));
	size_t size = address_size(family);
	const void *local = NULL, *peer = NULL;
	struct ifaddrmsg *message;
	struct request request;

	if (shown->ifa_index != (uint32_t)index || shown->ifa_family != family)
		return 0;
	for (struct rtattr *attribute = IFA_RTA(shown); RTA_OK(attribute, left);
	     attribute = RTA_NEXT(attribute, left)) {
		if (RTA_PAYLOAD(attribute) < size)
			continue;
		if (attribute->rta_type == IFA_LOCAL)
			local = RTA_DATA(attribute);
		if (attribute->rta_type == IFA_ADDRESS)
			peer = RTA_DATA(attribute);
	}
	if (!local)
		local = peer; /* IPv6 without a peer has IFA_ADDRESS alone */
	if (!local)
		return 0;
	if (keep && keep->prefix == shown->ifa_prefixlen && memcmp(keep->bytes, local, size) == 0)
		return 0;

	message = request_begin(&request, RTM_DELADDR, 0, sizeof(*message));
	message->ifa_family = (uint8_t)family;
	message->ifa_prefixlen = shown->ifa_prefixlen;
	message->ifa_index = (uint32_t)index;
	request_add(&request, IFA_LOCAL, local, size);
	if (peer)
		request_add(&request, IFA_ADDRESS, peer, size);
	return netlink_do(&request);
}

int netlink_address_flush(int index, int family, const struct network_address *keep)
{
	CLEANUP(memory_free) char *answer = malloc(ANSWER_SIZE);
	CLEANUP(fd_close) int fd = -1;
	struct request request;
	struct ifaddrmsg *message;
	int r, first_error = 0;

	if (!answer)
		return -ENOMEM;
	message = request_begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof(*message));
	message->ifa_family = (uint8_t)family;
	r = netlink_open(&fd);
	if (r >= 0)
		r = netlink_send(fd, &request);
	while (r >= 0) {
		struct nlmsghdr *header = (struct nlmsghdr *)(void *)answer;
		ssize_t count = recv(fd, answer, ANSWER_SIZE, 0);
		size_t left;

		if (count <= 0)
			return count < 0 ? -errno : -EPROTO;
		for (left = (size_t)count; NLMSG_OK(header, left);
		     header = NLMSG_NEXT(header, left)) {
			if (header->nlmsg_type == NLMSG_DONE)
				return first_error;
			if (header->nlmsg_type == NLMSG_ERROR)
				return -EPROTO;
			if (header->nlmsg_type != RTM_NEWADDR ||
			    header->nlmsg_len < NLMSG_LENGTH(sizeof(*message)))
				continue;
			r = address_flush_one(header, index, family, keep);
			/* gone meanwhile, as a secondary address goes with its primary one */
			if (r < 0 && r != -EADDRNOTAVAIL && first_error == 0)
				first_error = r;
			r = 0;
		}
	}
	return r;
}

/* ---- routes ---- */

static struct rtmsg *route_begin(struct request *request, uint16_t type, uint16_t flags, int family)
{
	struct rtmsg *route = request_begin(request, type, flags, sizeof(*route));

	route->rtm_family = (uint8_t)family;
	route->rtm_table = RT_TABLE_MAIN;
	return route;
}

int netlink_route_replace_default(int index, const struct network_address *gateway,
				  uint8_t protocol, uint32_t metric)
{
	struct request request;
	struct rtmsg *route =
		route_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, gateway->family);

	route->rtm_protocol = protocol;
	route->rtm_scope = RT_SCOPE_UNIVERSE;
	route->rtm_type = RTN_UNICAST;
	route->rtm_flags = RTNH_F_ONLINK;
	request_add(&request, RTA_GATEWAY, gateway->bytes, address_size(gateway->family));
	request_add_number(&request, RTA_OIF, (uint32_t)index);
	request_add_number(&request, RTA_PRIORITY, metric);
	return netlink_do(&request);
}

int netlink_route_delete_default(int index, int family, uint32_t metric)
{
	struct request request;
	struct rtmsg *route = route_begin(&request, RTM_DELROUTE, 0, family);
	int r;

	route->rtm_scope = RT_SCOPE_NOWHERE; /* any */
	request_add_number(&request, RTA_OIF, (uint32_t)index);
	request_add_number(&request, RTA_PRIORITY, metric);
	r = netlink_do(&request);
	return r == -ESRCH ? 0 : r;
}
