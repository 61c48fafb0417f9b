/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shells.c - the host's own shell on terminals
 *
 * In:    the plan's shell
 * Out:   a shell on each terminal that is there
 * Not:   the rescue shell (rescue.c)
 * Facts: a busybox shell runs its own applets before it looks into PATH, but aliases come before
 *        those; an interactive sh reads the file that ENV names: POSIX, sh
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/file.h"
#include "session.h"
#include "shells.h"
#include "spawn.h"
#include "terminal.h"

void shells_write_rc(void)
{
	static const char rc[] =
		"for name in poweroff reboot halt; do\n"
		"\tfor directory in /sbin /usr/sbin /usr/local/sbin; do\n"
		"\t\tif [ -x $directory/$name ]; then alias $name=$directory/$name; fi\n"
		"\tdone\n"
		"done\n"
		"unset name directory\n";
	int r = file_write(AT_FDCWD, SHELL_RC_PATH, rc, 0644);

	if (r < 0)
		(void)log_line(LOG_WARNING, r, "shell: cannot write '%s': %s", SHELL_RC_PATH,
			       strerror(-r));
}

static uint64_t shell_ended(struct session *session, int error, int status, uint64_t lived_ms)
{
	CLEANUP(text_free) struct text what = TEXT_EMPTY;

	if (error == 0 && lived_ms >= SESSION_GOOD_MS)
		return lived_ms;
	if (error < 0)
		text_format(&what, "cannot be started: %s", strerror(-error));
	else
		status_describe(status, &what);
	(void)log_line(error < 0 ? LOG_ERROR : LOG_DEBUG, error, "shell: '%s' on %s %s",
		       session->words.items[0], session_terminal_name(session), text_string(&what));
	return lived_ms;
}

static int shell_prepare(struct session *session, const struct plan_shell *shell, const char *tty)
{
	CLEANUP(fd_close) int fd = -1;
	int r = terminal_path(tty, &session->terminal);

	if (r < 0)
		return r;
	fd = terminal_open(session->terminal);
	if (fd < 0)
		return fd_take(&fd);
	for (size_t i = 0; r == 0 && i < shell->exec.count; i++)
		r = strings_add(&session->words, shell->exec.items[i]);
	if (r == 0 && asprintf(&session->greeting, "\r\nmkinitrd: host shell on %s\n",
			       session_terminal_name(session)) < 0)
		r = -ENOMEM;
	session->ended = shell_ended;
	return r;
}

void shells_start(struct supervisor *supervisor)
{
	const struct machine *machine = supervisor->machine;
	const struct plan_shell *shell = &machine->plan.shell;

	if (!machine->plan.has_shell || shell->exec.count == 0)
		return;
	for (size_t i = 0; i < shell->ttys.count; i++) {
		/* lives as long as the machine */
		struct session *session = calloc(1, sizeof(*session));
		int r = session ? shell_prepare(session, shell, shell->ttys.items[i]) : -ENOMEM;

		if (r == 0) {
			session_start(session, supervisor);
			continue;
		}
		(void)log_line(LOG_WARNING, r, "shell: no host shell on '%s' (%s), skipping",
			       shell->ttys.items[i], strerror(-r));
		if (session) {
			strings_free(&session->words);
			free(session->terminal);
			free(session->greeting);
		}
		free(session);
	}
}
