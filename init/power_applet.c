/* SPDX-License-Identifier: Apache-2.0 */
/*
 * power_applet.c - the programs poweroff, reboot and halt
 *
 * In:    the name it is called by, -f
 * Out:   a message to the control socket; with -f the machine's end at once
 * Not:   the orderly end (power.c)
 * Facts: reboot(2) in a PID namespace of its own only ends that namespace: reboot(2)
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/socket.h>

#include "container.h"
#include "control_message.h"
#include "machine.h"
#include "lib/unix_socket.h"
#include "power.h"

#define ANSWER_WAIT_MS 10000
#define SYNC_MS 10000

static int usage(FILE *stream, const char *name)
{
	(void)fprintf(stream,
		      "usage: %s [-f]\n"
		      "Ends this machine in an orderly way: containers, services, file systems.\n"
		      "  -f, --force  at once: only what is written already is kept\n"
		      "  -h, --help   this text\n",
		      name);
	return stream == stdout ? 0 : 2;
}

static int ask(const char *name, bool force)
{
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(text_free) struct text message = TEXT_EMPTY;
	struct pollfd pollfd = { .events = POLLIN };
	char answer[256];
	ssize_t length;
	int r = unix_connect(CONTROL_PATH, SOCK_SEQPACKET, &fd);

	if (r < 0) {
		(void)fprintf(stderr, "%s: cannot ask at '%s': %s%s\n", name, CONTROL_PATH,
			      strerror(-r),
			      r == -ENOENT || r == -ECONNREFUSED
				      ? "; nothing of mkinitrd's init answers there, '-f' ends "
					"the machine without it"
				      : "");
		return 1;
	}
	text_format(&message, "%s%s", name, force ? " force" : "");
	pollfd.fd = fd;
	if (send(fd, text_string(&message), message.length, MSG_NOSIGNAL) < 0 ||
	    poll(&pollfd, 1, ANSWER_WAIT_MS) != 1 ||
	    (length = recv(fd, answer, sizeof(answer) - 1, 0)) <= 0) {
		(void)fprintf(stderr,
			      "%s: no answer; the machine may be ending already, '-f' does not "
			      "wait for that\n",
			      name);
		return 1;
	}
	answer[length] = '\0';
	if (text_equal(answer, "ok"))
		return 0;
	(void)fprintf(stderr, "%s: %s\n", name, answer);
	return 1;
}

static int force(const char *name, enum power_action action)
{
	if (container_is_here())
		return ask(name, true);
	power_watch(action, SYNC_MS);
	sync();
	(void)reboot(power_command(action));
	(void)fprintf(stderr, "%s: %s\n", name, strerror(errno));
	return 1;
}

int applet_power(int argc, char **argv)
{
	const char *name = argc > 0 ? basename(argv[0]) : "";
	bool is_forced = false;
	int action = 0;

	while (action < POWER_ACTION_COUNT &&
	       !text_equal(name, power_action_name((enum power_action)action)))
		action++;
	if (action == POWER_ACTION_COUNT)
		return usage(stderr, "poweroff");
	for (int i = 1; i < argc; i++) {
		if (text_equal(argv[i], "-f") || text_equal(argv[i], "--force"))
			is_forced = true;
		else if (text_equal(argv[i], "-h") || text_equal(argv[i], "--help"))
			return usage(stdout, name);
		else
			return usage(stderr, name);
	}
	return is_forced ? force(name, (enum power_action)action) : ask(name, false);
}
