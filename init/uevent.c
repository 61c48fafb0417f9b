/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uevent.c - what the kernel says about devices
 *
 * In:    messages of the NETLINK_KOBJECT_UEVENT socket, from the kernel only
 * Out:   drivers wanted for devices that appeared; how many block devices did; a line when the disk
 *        is gone that is in use
 * Not:   device nodes (devtmpfs makes them)
 * Facts: "ACTION@DEVPATH", NUL, then "KEY=value" strings, each with its NUL; group 1 is the
 *        kernel's, its port id is 0: kernel lib/kobject_uevent.c, netlink(7). Too many unread
 *        messages are lost, and the next read says ENOBUFS.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "modules.h"
#include "uevent.h"

#define KERNEL_GROUP 1
#define RECEIVE_BYTES (8 << 20)

int uevent_parse(struct uevent *event, const char *message, size_t length)
{
	static const struct {
		const char *key;
		size_t offset;
	} rows[] = {
		{ "ACTION=", offsetof(struct uevent, action) },
		{ "SUBSYSTEM=", offsetof(struct uevent, subsystem) },
		{ "MODALIAS=", offsetof(struct uevent, modalias) },
		{ "DEVNAME=", offsetof(struct uevent, device_name) },
	};
	const char *end = message + length;

	*event = (struct uevent){ 0 };
	if (length == 0 || end[-1] != '\0' || !strchr(message, '@'))
		return -EINVAL;
	for (const char *field = message; field < end; field += strlen(field) + 1) {
		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			const char *value = text_after(field, rows[i].key);

			if (value)
				*(const char **)((uintptr_t)event + rows[i].offset) = value;
		}
	}
	return event->action && event->subsystem ? 0 : -EINVAL;
}

int uevent_open(struct machine *machine)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP };
	const int size = RECEIVE_BYTES;
	CLEANUP(fd_close) int fd = -1;

	if (machine->uevent_fd >= 0)
		return 0;
	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (fd < 0)
		return -errno;
	/* a smaller buffer only means that messages are lost sooner, which is dealt with */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	machine->uevent_fd = fd_take(&fd);
	return 0;
}

/* one message. Return: 1 if it is about a block device, 0 if not, negative errno: none came */
static int receive(const struct machine *machine)
{
	char message[8192 + 1]; /* the kernel's limit is UEVENT_BUFFER_SIZE, 2048 */
	struct sockaddr_nl sender = { 0 };
	socklen_t sender_length = sizeof(sender);
	struct uevent event;
	ssize_t length = recvfrom(machine->uevent_fd, message, sizeof(message) - 1, 0,
				  (struct sockaddr *)&sender, &sender_length);

	if (length < 0)
		return -errno;
	message[length] = '\0';
	if (sender.nl_pid != 0 || uevent_parse(&event, message, (size_t)length) < 0)
		return 0;
	if (text_equal(event.action, "add") && event.modalias)
		(void)modules_want_alias(machine, event.modalias);
	if (!text_equal(event.subsystem, "block"))
		return 0;
	if (!text_equal(event.action, "remove"))
		return 1;
	if (machine->disk_name && event.device_name &&
	    text_equal(event.device_name, machine->disk_name))
		(void)log_line(LOG_ERROR, -ENODEV,
			       "disk: /dev/%s, mounted at %s, is gone: what is written there is "
			       "lost; power off, attach it again",
			       machine->disk_name, machine->plan.disk.at);
	return 0;
}

size_t uevent_drain(const struct machine *machine)
{
	size_t blocks = 0;

	for (;;) {
		int r = machine->uevent_fd < 0 ? -EAGAIN : receive(machine);

		if (r >= 0) {
			blocks += (size_t)r;
		} else if (r == -ENOBUFS) {
			(void)log_line(LOG_DEBUG, r, "modules: messages were lost, looking again");
			modules_want_present(machine);
			blocks++;
		} else if (r != -EINTR) {
			return blocks;
		}
	}
}
