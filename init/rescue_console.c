/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue_console.c - a message, and a shell, on every kernel console
 *
 * In:    /sys/class/tty/console/active; a message, the plan's shell
 * Out:   a child for each console, leader of a session with that terminal
 * Not:   when (rescue.c), opening terminals (terminal.c)
 * Facts: a terminal becomes a session leader's controlling one with TIOCSCTTY: tty_ioctl(4)
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "lib/file.h"
#include "log.h"
#include "rescue_console.h"
#include "rescue_password.h"
#include "shells.h"
#include "spawn.h"
#include "terminal.h"

#define MESSAGE_MS 2000

static void console_add(struct consoles *consoles, const char *name)
{
	struct console *console = &consoles->items[consoles->count];
	CLEANUP(fd_close) int fd = -1;

	if (consoles->count == CONSOLE_COUNT)
		return;
	*console = (struct console){ 0 };
	(void)snprintf(console->path, sizeof(console->path), "/dev/%s", name);
	fd = terminal_open(console->path);
	if (fd >= 0)
		consoles->count++;
}

void consoles_find(struct consoles *consoles)
{
	CLEANUP(memory_free) char *names = NULL;
	char *rest = NULL;

	*consoles = (struct consoles){ 0 };
	if (file_read_line(AT_FDCWD, "/sys/class/tty/console/active", &names) == 0)
		for (char *name = strtok_r(names, " ", &rest); name;
		     name = strtok_r(NULL, " ", &rest))
			console_add(consoles, name);
	if (consoles->count == 0)
		console_add(consoles, "console");
}

/* start the shell on the terminal @fd; returns only on failure */
static int shell_become(int fd, const char *path, const struct plan_shell *shell)
{
	CLEANUP(strings_free) struct strings type = STRINGS_EMPTY;
	CLEANUP(strings_free) struct strings environment = STRINGS_EMPTY;
	int r = strings_add(&type, terminal_type(path));

	if (r == 0)
		r = strings_add(&type, "ENV=" SHELL_RC_PATH);
	if (r == 0)
		r = environment_make(&type, NULL, &environment);
	if (r < 0)
		return r;
	(void)ioctl(fd, TIOCSCTTY, 1);
	for (int standard = 0; standard <= STDERR_FILENO; standard++)
		(void)dup2(fd, standard);
	(void)execve(shell->exec.items[0], shell->exec.items, environment.items);
	return -errno;
}

/* in a child, so that nobody else waits for a console that is slow or stopped */
__attribute__((noreturn)) static void console_child(const char *path, const struct text *message,
						    const struct plan_shell *shell,
						    const char *password)
{
	int fd, r;

	signals_reset();
	(void)setsid();
	fd = terminal_open(path);
	if (fd >= 0) {
		terminal_make_sane(fd);
		(void)file_write_fd(fd, text_string(message), message->length);
		(void)tcdrain(fd);
	}
	if (!shell)
		_exit(0);
	if (fd >= 0 && password && *password)
		password_ask(fd, path, password);
	r = fd < 0 ? fd : shell_become(fd, path, shell);
	(void)log_line(LOG_ERROR, r, "cannot start the rescue shell '%s' on '%s': %s",
		       shell->exec.items[0], path, strerror(-r));
	_exit(127);
}

static size_t children_start(struct consoles *consoles, const struct text *message,
			     const struct plan_shell *shell, const char *password)
{
	size_t alive = 0;

	for (size_t i = 0; i < consoles->count; i++) {
		consoles->items[i].child = fork();
		if (consoles->items[i].child == 0)
			console_child(consoles->items[i].path, message, shell, password);
		alive += consoles->items[i].child > 0;
	}
	return alive;
}

/* is @pid one of ours? Then it is gone */
static bool child_ended(struct consoles *consoles, pid_t pid)
{
	for (size_t i = 0; i < consoles->count; i++) {
		if (consoles->items[i].child != pid)
			continue;
		consoles->items[i].child = 0;
		return true;
	}
	return false;
}

static void children_kill(const struct consoles *consoles)
{
	for (size_t i = 0; i < consoles->count; i++)
		if (consoles->items[i].child > 0)
			(void)kill(-consoles->items[i].child, SIGKILL);
}

pid_t reap_until(uint64_t end_ms, int *ret_status)
{
	sigset_t child;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	for (;;) {
		pid_t pid = waitpid(-1, ret_status, WNOHANG);
		uint64_t now = clock_ms();
		struct timespec left = { 0 };

		if (pid > 0)
			return pid;
		if (now >= end_ms)
			return 0;
		left.tv_sec = (time_t)((end_ms - now) / 1000 % INT32_MAX);
		left.tv_nsec = (long)((end_ms - now) % 1000) * 1000000;
		(void)sigtimedwait(&child, NULL, &left);
	}
}

bool consoles_shell(struct consoles *consoles, const struct text *message,
		    const struct plan_shell *shell, const char *password)
{
	size_t alive = children_start(consoles, message, shell, password);
	bool was_used = false;

	while (alive && !was_used) {
		int status = 0;

		if (!child_ended(consoles, reap_until(FOREVER, &status)))
			continue;
		alive--;
		was_used = !WIFEXITED(status) || WEXITSTATUS(status) != 127;
	}
	children_kill(consoles);
	return was_used;
}

void consoles_show(struct consoles *consoles, const struct text *message)
{
	size_t alive = children_start(consoles, message, NULL, NULL);
	uint64_t end_ms = clock_ms() + MESSAGE_MS;
	int status;

	while (alive) {
		pid_t pid = reap_until(end_ms, &status);

		if (pid == 0)
			break;
		alive -= child_ended(consoles, pid);
	}
	children_kill(consoles);
}
