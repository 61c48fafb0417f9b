/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c - the control socket: root asks, the helper does
 *
 * In:    one message for each connection (control_message.h)
 * Out:   the answer "ok" or "error: WHY", and a call for what was understood
 * Not:   the programs that ask (power_applet.c, dhcp_script.c)
 * Facts: SO_PEERCRED is translated into the reader's user namespace, so the root of a container
 *        with a user namespace of its own is not uid 0 here: unix(7), user_namespaces(7)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "control.h"
#include "lib/file.h"

#define SILENCE_MS 5000

struct client {
	struct control *control;
	struct watch watch;
	struct timer silence;
};

static void client_free(struct client *client)
{
	struct supervisor *supervisor = client->control->supervisor;

	timer_clear(supervisor, &client->silence);
	watch_remove(supervisor, &client->watch);
	fd_close(&client->watch.fd);
	free(client);
}

static void silence_due(struct supervisor *supervisor, struct timer *timer)
{
	(void)supervisor;
	client_free(timer->owner);
}

static void answer(const struct client *client, const char *text)
{
	(void)send(client->watch.fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* "poweroff (process 812 in /shell)" */
static void describe_asker(pid_t pid, struct text *asker)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(memory_free) char *name = NULL;
	CLEANUP(memory_free) char *cgroup = NULL;

	text_format(&path, "/proc/%d/comm", pid);
	(void)file_read_line(AT_FDCWD, text_string(&path), &name);
	text_clear(&path);
	text_format(&path, "/proc/%d/cgroup", pid);
	(void)file_read_line(AT_FDCWD, text_string(&path), &cgroup);
	text_format(asker, "%s (process %d in %s)", name ? name : "a process", pid,
		    cgroup && text_after(cgroup, "0::") ? text_after(cgroup, "0::") : "?");
}

static void client_ready(struct supervisor *supervisor, struct watch *watch)
{
	struct client *client = watch->owner;
	struct control *control = client->control;
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t peer_length = sizeof(peer);
	CLEANUP(text_free) struct text asker = TEXT_EMPTY;
	char bytes[CONTROL_MESSAGE_BYTES + 1];
	ssize_t length = recv(watch->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	struct control_message message;

	(void)supervisor;
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0) {
		client_free(client);
		return;
	}
	if (getsockopt(watch->fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_length) < 0 ||
	    peer.uid != 0) {
		answer(client, "error: only root may ask");
		client_free(client);
		return;
	}
	if (control_parse(bytes, (size_t)length, &message) < 0) {
		answer(client, "error: not understood");
		client_free(client);
		return;
	}
	describe_asker(peer.pid, &asker);
	/* before it is done: afterwards there may be nobody left to hear */
	answer(client, "ok");
	client_free(client);
	control->received(control, &message, text_string(&asker));
}

static void listener_ready(struct supervisor *supervisor, struct watch *watch)
{
	struct control *control = watch->owner;
	struct client *client = calloc(1, sizeof(*client));
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 || !client) {
		fd_close(&fd);
		free(client);
		return;
	}
	client->control = control;
	client->watch = (struct watch){ .fd = fd, .ready = client_ready, .owner = client };
	client->silence = (struct timer){ .fire = silence_due, .owner = client };
	timer_set(supervisor, &client->silence, SILENCE_MS);
	if (watch_add(supervisor, &client->watch, false) < 0)
		client_free(client);
}

int control_open(struct control *control, struct supervisor *supervisor)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = CONTROL_PATH };
	mode_t mask;
	int r;

	control->supervisor = supervisor;
	control->listener = (struct watch){ .ready = listener_ready, .owner = control };
	control->listener.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->listener.fd < 0)
		return -errno;
	r = directory_make(RUN_DIRECTORY, 0755);
	if (r < 0)
		return r;
	/* one of a helper before us, whose services failed */
	(void)unlink(CONTROL_PATH);
	mask = umask(0177);
	r = bind(control->listener.fd, (const struct sockaddr *)&address, sizeof(address)) < 0
		    ? -errno
		    : 0;
	(void)umask(mask);
	if (r == 0 && listen(control->listener.fd, 16) < 0)
		r = -errno;
	return r < 0 ? r : watch_add(supervisor, &control->listener, false);
}

void control_close(struct control *control)
{
	watch_remove(control->supervisor, &control->listener);
	fd_close(&control->listener.fd);
	(void)unlink(CONTROL_PATH);
}
