/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.c - tell the manager of a container how far process 1 is (see notify.h)
 *
 * In:    $NOTIFY_SOCKET
 * Out:   datagrams: READY=1 when main can be used, STATUS= for each step, STOPPING=1 at the end
 * Not:   what becomes of them: systemd-nspawn passes them on to its own unit
 * Facts: sd_notify(3): an absolute path, or a name of the abstract name space behind "@".
 *        systemd-nspawn hears process 1 only, which init is in a container (main.c)
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "lib/text.h"
#include "log.h"
#include "notify.h"

#define MESSAGE_BYTES 1024
#define PATIENCE_S 5 /* a manager that does not read holds up nothing for long */

/* one for the process, as its log is */
static int notify_fd = -1;

void notify_open(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *name = getenv("NOTIFY_SOCKET");
	size_t length = name ? strlen(name) : 0;
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	CLEANUP(fd_close) int fd = -1;

	if (length < 2 || length >= sizeof(address.sun_path) || (*name != '/' && *name != '@'))
		return;
	memcpy(address.sun_path, name, length);
	if (*name == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    connect(fd, (const struct sockaddr *)&address, size) < 0) {
		(void)log_line(LOG_WARNING, -errno, "cannot tell '%s' when main is ready: %s", name,
			       strerror(errno));
		return;
	}
	notify_fd = fd_take(&fd);
}

void notify_send(const char *format, ...)
{
	char message[MESSAGE_BYTES];
	va_list arguments;
	int length;

	if (notify_fd < 0)
		return;
	va_start(arguments, format);
	length = vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	/* a few wait to be read, for the next there is no place: words may be lost, the rest not */
	if (length > 0)
		(void)send(notify_fd, message, strlen(message),
			   MSG_NOSIGNAL | (text_after(message, "STATUS=") ? MSG_DONTWAIT : 0));
}
