/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ready.c - wait until somebody accepts on a socket
 *
 * In:    the path of a unix socket that a service makes
 * Out:   one call when a connect(2) succeeds
 * Not:   the deadline, and what it means that it never does (service.c)
 * Facts: inotify(7) tells that the socket appeared, but neither that its owner listens nor what
 *        happens in a directory that is not there yet; for those two it is tried again after a
 *        growing pause
 */
#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>

#include "ready.h"
#include "lib/unix_socket.h"

#define FIRST_PAUSE_MS 20
#define MOST_PAUSE_MS 320

int socket_connect(const char *path)
{
	CLEANUP(fd_close) int fd = -1;
	int r = unix_connect(path, SOCK_STREAM | SOCK_NONBLOCK, &fd);

	return r == -EAGAIN ? 0 : r; /* it listens, and its queue is full */
}

/* watch the directory of the socket; one that is not there yet is looked for at the next try */
static void watch_directory(struct ready_check *check, struct supervisor *supervisor)
{
	CLEANUP(text_free) struct text directory = TEXT_EMPTY;
	const char *slash = strrchr(check->path, '/');

	if (check->directory.fd >= 0 || !slash || slash == check->path)
		return;
	text_add_bytes(&directory, check->path, (size_t)(slash - check->path));
	check->directory.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (check->directory.fd < 0)
		return;
	if (inotify_add_watch(check->directory.fd, text_string(&directory),
			      IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR) < 0 ||
	    watch_add(supervisor, &check->directory, false) < 0)
		fd_close(&check->directory.fd);
}

static void look(struct ready_check *check, struct supervisor *supervisor)
{
	if (socket_connect(check->path) == 0) {
		ready_end(check, supervisor);
		check->accepts(supervisor, check);
		return;
	}
	watch_directory(check, supervisor);
	timer_set(supervisor, &check->again, check->pause_ms);
	if (check->pause_ms < MOST_PAUSE_MS)
		check->pause_ms *= 2;
}

static void directory_ready(struct supervisor *supervisor, struct watch *watch)
{
	struct ready_check *check = watch->owner;
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	/* which file it was does not matter: connect(2) tells */
	while (read(watch->fd, events, sizeof(events)) > 0)
		;
	check->pause_ms = FIRST_PAUSE_MS;
	look(check, supervisor);
}

static void again_due(struct supervisor *supervisor, struct timer *timer)
{
	look(timer->owner, supervisor);
}

void ready_begin(struct ready_check *check, struct supervisor *supervisor)
{
	ready_end(check, supervisor);
	check->directory.ready = directory_ready;
	check->directory.owner = check;
	check->again.fire = again_due;
	check->again.owner = check;
	check->pause_ms = FIRST_PAUSE_MS;
	watch_directory(check, supervisor);
	timer_set(supervisor, &check->again, 0);
}

void ready_end(struct ready_check *check, struct supervisor *supervisor)
{
	timer_clear(supervisor, &check->again);
	watch_remove(supervisor, &check->directory);
	fd_close(&check->directory.fd);
}
