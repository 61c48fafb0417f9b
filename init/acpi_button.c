/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acpi_button.c - the power button of a machine with ACPI
 *
 * In:    the kernel's ACPI events; the module "button" makes them
 * Out:   a call for each press
 * Not:   what follows from it (runtime.c)
 * Facts: kernel drivers/acpi/event.c: generic netlink family "acpi_event", group "acpi_mc_group",
 *        whose number differs from kernel to kernel, attribute 1 a struct acpi_genl_event; a press
 *        is of class "button/power" and type 0x80 (ACPI specification, "Power Button"); netlink(7)
 */
#include "acpi_button.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define FAMILY "acpi_event"
#define GROUP "acpi_mc_group"
#define EVENT_ATTRIBUTE 1
#define EVENT_PRESSED 0x80
#define MESSAGE_BYTES 8192

/* those of the kernel's headers, without a sign: netlink(7) */
#define ALIGNED(size) (((size_t)(size) + 3) & ~(size_t)3)
#define ATTRIBUTE_HEADER sizeof(struct nlattr)
#define ATTRIBUTE_TYPE 0x3fff

/* struct acpi_genl_event, which no header has */
struct event {
	char device_class[20];
	char bus_id[15];
	uint32_t type;
	uint32_t data;
};

/* a range of bytes that attributes are read from */
struct bytes {
	const char *at;
	size_t length;
};

/* the next attribute: its type and content. Return: whether there is one */
static bool next_attribute(struct bytes *rest, unsigned *ret_type, struct bytes *ret_content)
{
	struct nlattr attribute;
	size_t step;

	if (rest->length < sizeof(attribute))
		return false;
	memcpy(&attribute, rest->at, sizeof(attribute));
	if (attribute.nla_len < ATTRIBUTE_HEADER || attribute.nla_len > rest->length)
		return false;
	*ret_type = attribute.nla_type & ATTRIBUTE_TYPE;
	*ret_content =
		(struct bytes){ rest->at + ATTRIBUTE_HEADER, attribute.nla_len - ATTRIBUTE_HEADER };
	step = ALIGNED(attribute.nla_len);
	step = step < rest->length ? step : rest->length;
	rest->at += step;
	rest->length -= step;
	return true;
}

/* the next message, without its header. Return: whether there is one */
static bool next_message(struct bytes *rest, struct nlmsghdr *ret_header, struct bytes *ret_content)
{
	size_t step;

	if (rest->length < sizeof(*ret_header))
		return false;
	memcpy(ret_header, rest->at, sizeof(*ret_header));
	if (ret_header->nlmsg_len < sizeof(*ret_header) || ret_header->nlmsg_len > rest->length)
		return false;
	*ret_content = (struct bytes){ rest->at + sizeof(*ret_header),
				       ret_header->nlmsg_len - sizeof(*ret_header) };
	step = ALIGNED(ret_header->nlmsg_len);
	step = step < rest->length ? step : rest->length;
	rest->at += step;
	rest->length -= step;
	return true;
}

/* skip the header of a generic netlink message */
static bool skip_generic(struct bytes *content)
{
	if (content->length < GENL_HDRLEN)
		return false;
	content->at += GENL_HDRLEN;
	content->length -= GENL_HDRLEN;
	return true;
}

static bool is_press(const struct bytes *content)
{
	struct event event;

	if (content->length < sizeof(event))
		return false;
	memcpy(&event, content->at, sizeof(event));
	return strncmp(event.device_class, "button/power", sizeof(event.device_class)) == 0 &&
	       event.type == EVENT_PRESSED;
}

bool acpi_event_is_power_button(const void *bytes, size_t length)
{
	struct bytes rest = { bytes, length }, message, content;
	struct nlmsghdr header;
	unsigned type;

	while (next_message(&rest, &header, &message)) {
		if (header.nlmsg_type < NLMSG_MIN_TYPE || !skip_generic(&message))
			continue;
		while (next_attribute(&message, &type, &content))
			if (type == EVENT_ATTRIBUTE && is_press(&content))
				return true;
	}
	return false;
}

/* one of CTRL_ATTR_MCAST_GROUPS: its number when it is @name, else -ENOENT */
static int group_number(struct bytes group, const char *name)
{
	struct bytes content;
	uint32_t number = 0;
	bool is_it = false;
	unsigned type;

	while (next_attribute(&group, &type, &content)) {
		if (type == CTRL_ATTR_MCAST_GRP_ID && content.length >= sizeof(number))
			memcpy(&number, content.at, sizeof(number));
		if (type == CTRL_ATTR_MCAST_GRP_NAME)
			is_it = content.length == strlen(name) + 1 &&
				memcmp(content.at, name, content.length) == 0;
	}
	return is_it && number > 0 && number <= INT32_MAX ? (int)number : -ENOENT;
}

int netlink_group_parse(const void *bytes, size_t length, const char *name)
{
	struct bytes rest = { bytes, length }, message, content, group;
	struct nlmsghdr header;
	unsigned type, index;
	int error, r;

	if (!next_message(&rest, &header, &message))
		return -EPROTO;
	if (header.nlmsg_type == NLMSG_ERROR) {
		if (message.length < sizeof(error))
			return -EPROTO;
		memcpy(&error, message.at, sizeof(error));
		return error < 0 ? error : -EPROTO;
	}
	if (!skip_generic(&message))
		return -EPROTO;
	while (next_attribute(&message, &type, &content)) {
		if (type != CTRL_ATTR_MCAST_GROUPS)
			continue;
		while (next_attribute(&content, &index, &group)) {
			r = group_number(group, name);
			if (r > 0)
				return r;
		}
	}
	return -ENOENT;
}

static int ask_group(int fd)
{
	struct {
		struct nlmsghdr header;
		struct genlmsghdr generic;
		struct nlattr attribute;
		char name[ALIGNED(sizeof(FAMILY))];
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = GENL_ID_CTRL,
			    .nlmsg_flags = NLM_F_REQUEST },
		.generic = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 },
		.attribute = { .nla_len = ATTRIBUTE_HEADER + sizeof(FAMILY),
			       .nla_type = CTRL_ATTR_FAMILY_NAME },
		.name = FAMILY,
	};
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	char answer[MESSAGE_BYTES];
	ssize_t length = sendto(fd, &request, sizeof(request), 0, (const struct sockaddr *)&kernel,
				sizeof(kernel));

	/* the kernel has answered when sendto() returns */
	if (length > 0)
		length = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	return length < 0 ? -errno : netlink_group_parse(answer, (size_t)length, GROUP);
}

static void button_ready(struct supervisor *supervisor, struct watch *watch)
{
	struct acpi_button *button = watch->owner;
	struct sockaddr_nl from = { 0 };
	socklen_t from_length = sizeof(from);
	char bytes[MESSAGE_BYTES];
	ssize_t length = recvfrom(watch->fd, bytes, sizeof(bytes), MSG_DONTWAIT,
				  (struct sockaddr *)&from, &from_length);

	(void)supervisor;
	/* port 0 is the kernel */
	if (length > 0 && from.nl_pid == 0 && acpi_event_is_power_button(bytes, (size_t)length))
		button->pressed(button);
}

int acpi_button_open(struct acpi_button *button, struct supervisor *supervisor)
{
	const struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	CLEANUP(fd_close)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
	int group, r;

	button->watch = (struct watch){ .fd = -1, .ready = button_ready, .owner = button };
	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		return -errno;
	group = ask_group(fd);
	if (group < 0)
		return group;
	if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return -errno;
	button->watch.fd = fd_take(&fd);
	r = watch_add(supervisor, &button->watch, false);
	if (r < 0)
		fd_close(&button->watch.fd);
	return r;
}
