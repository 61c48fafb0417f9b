/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.c - the console container on terminals
 *
 * In:    the plan's console, Docker's socket
 * Out:   `agent console` on each terminal, which becomes the docker CLI; the step "console", which
 *        ends when the first container runs, or the first CLI ended without one
 * Not:   the image and the CLI's arguments (agent_console.c). The agent puts the container below
 *        the cgroup of the container's name, so that the kernel tells when it runs; what else there
 *        is to say, it writes into a report
 * Facts: docs/boot.md section 4
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "cgroup_tree.h"
#include "console.h"
#include "lib/file.h"
#include "memory.h"
#include "spawn.h"
#include "terminal.h"

/* without a word from the kernel, a CLI that lives so long is taken for a console that works */
#define LATE_MS 30000

#define REPORT_DIRECTORY RUN_DIRECTORY "/report"

static void settle(struct consoles *consoles, int result)
{
	consoles->is_settled = true;
	step_end(consoles->supervisor->machine, consoles->record, result);
	memory_release(); /* this was the last step of the boot */
}

/* what the agent said it came to, after @word; NULL: it did not say that */
static char *report_read(const struct console *console, const char *word)
{
	CLEANUP(memory_free) char *line = NULL;
	const char *after = NULL;

	if (file_read_line(AT_FDCWD, console->report, &line) == 0)
		after = text_after(line, word);
	return after ? strdup(after) : NULL;
}

static void console_up(struct console *console)
{
	struct consoles *consoles = console->consoles;
	const char *terminal = session_terminal_name(&console->session);
	CLEANUP(memory_free) char *details = NULL;

	if (console->is_up)
		return;
	console->is_up = true;
	console->up_ms = clock_ms();
	timer_clear(consoles->supervisor, &console->late);
	memory_free(&consoles->last_why);
	details = report_read(console, "ok ");
	if (consoles->is_settled && consoles->record->result != STEP_FAILED) {
		(void)log_line(LOG_INFO, 0, "console: ok %s tty=%s", details ? details : "",
			       terminal);
		return;
	}
	(void)step_details(consoles->record, 0, "%s tty=%s", details ? details : "", terminal);
	settle(consoles, 0);
}

static void events_ready(struct supervisor *supervisor, struct watch *watch)
{
	struct console *console = watch->owner;
	int populated = cgroup_events_read(watch->fd, "populated");

	if (populated == 1)
		console_up(console);
	if (populated >= 0)
		return;
	watch_remove(supervisor, watch);
	fd_close(&watch->fd);
}

static void late_due(struct supervisor *supervisor, struct timer *timer)
{
	struct console *console = timer->owner;
	CLEANUP(memory_free) char *started = report_read(console, "ok ");
	CLEANUP(memory_free) char *pulling = report_read(console, "pulling ");

	if (console->session.child.pid <= 0)
		return;
	if (started) {
		console_up(console);
		return;
	}
	if (pulling)
		(void)log_line(LOG_INFO, 0, "console: %s: still pulling '%s'",
			       session_terminal_name(&console->session), pulling);
	timer_set(supervisor, &console->late, LATE_MS);
}

/* the same but for numbers: a port or a time differs each time */
static bool is_alike(const char *a, const char *b)
{
	static const char digits[] = "0123456789";

	for (;; a++, b++) {
		a += strspn(a, digits);
		b += strspn(b, digits);
		if (*a != *b)
			return false;
		if (*a == '\0')
			return true;
	}
}

/* the same reason again and again is said once */
static void say_again(struct consoles *consoles, int error, const char *terminal, const char *why)
{
	bool is_same = consoles->last_why && is_alike(consoles->last_why, why);

	(void)log_line(is_same ? LOG_DEBUG : LOG_WARNING, error, "console: %s: %s; trying again",
		       terminal, why);
}

static uint64_t session_ended(struct session *session, int error, int status, uint64_t lived_ms)
{
	struct console *console = session->owner;
	struct consoles *consoles = console->consoles;
	const char *terminal = session_terminal_name(session);
	CLEANUP(memory_free) char *failed = report_read(console, "failed ");
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	bool was_up = console->is_up;

	console->is_up = false;
	(void)unlink(console->report);
	timer_set(session->supervisor, &console->late, LATE_MS);
	if (error < 0)
		text_format(&why, "cannot start '%s': %s", session->words.items[0],
			    strerror(-error));
	else if (failed)
		text_add(&why, failed);
	else
		status_describe(status, &why);
	if (was_up) {
		(void)log_line(LOG_INFO, 0, "console: %s %s after %llu s", terminal,
			       text_string(&why), (unsigned long long)(lived_ms / 1000));
		return clock_ms() - console->up_ms;
	}
	if (!failed && error == 0)
		text_format(&why, "; its message is on %s", terminal);
	if (consoles->is_settled) {
		say_again(consoles, error, terminal, text_string(&why));
	} else {
		(void)step_details(consoles->record, -ECHILD, "tty=%s: %s", terminal,
				   text_string(&why));
		settle(consoles, -ECHILD);
	}
	memory_free(&consoles->last_why);
	(void)text_take(&why, &consoles->last_why);
	return 0;
}

static int console_words(struct console *console, const struct plan_console *plan,
			 const char *socket, const char *docker)
{
	static const char agent[] = AGENT_PATH;
	const char *const options[][2] = {
		{ "--socket", socket },
		{ "--image", plan->container },
		{ "--in-memory", plan->in_memory },
		{ "--on-disk", plan->on_disk },
		{ "--name", console->container },
		{ "--docker", docker },
		{ "--report", console->report },
	};
	struct strings *words = &console->session.words;
	int r = strings_add(words, agent);

	if (r == 0)
		r = strings_add(words, "console");
	for (size_t i = 0; r == 0 && i < COUNT_OF(options); i++) {
		if (!options[i][1])
			continue;
		r = strings_add(words, options[i][0]);
		if (r == 0)
			r = strings_add(words, options[i][1]);
	}
	for (size_t i = 0; r == 0 && i < plan->binds.count; i++) {
		r = strings_add(words, "--bind");
		if (r == 0)
			r = strings_add(words, plan->binds.items[i]);
	}
	if (r == 0)
		r = strings_add(words, "--");
	for (size_t i = 0; r == 0 && i < plan->exec.count; i++)
		r = strings_add(words, plan->exec.items[i]);
	return r;
}

static void watch_cgroup(struct console *console, struct supervisor *supervisor)
{
	int r = cgroup_make(console->container);

	console->events = (struct watch){ .fd = -1, .ready = events_ready, .owner = console };
	if (r == 0)
		r = console->events.fd = cgroup_events_open(console->container);
	if (r >= 0)
		r = watch_add(supervisor, &console->events, true);
	if (r < 0)
		(void)log_line(LOG_DEBUG, r, "console: cannot watch the cgroup '%s': %s",
			       console->container, strerror(-r));
}

static int console_start(struct console *console, size_t index, const char *socket,
			 const char *docker)
{
	struct supervisor *supervisor = console->consoles->supervisor;
	const struct plan_console *plan = &supervisor->machine->plan.console;
	struct session *session = &console->session;
	CLEANUP(fd_close) int fd = -1;
	int r = terminal_path(plan->ttys.items[index], &session->terminal);

	if (r < 0)
		return r;
	fd = terminal_open(session->terminal);
	if (fd < 0)
		return fd_take(&fd);
	if (index == 0)
		(void)snprintf(console->container, sizeof(console->container), "console");
	else
		(void)snprintf(console->container, sizeof(console->container), "console-%.40s",
			       strrchr(session->terminal, '/') + 1);
	(void)directory_make(REPORT_DIRECTORY, 0700);
	(void)snprintf(console->report, sizeof(console->report), REPORT_DIRECTORY "/%s",
		       console->container);
	(void)unlink(console->report); /* of a console before docker was started anew */
	r = console_words(console, plan, socket, docker);
	if (r < 0)
		return r;
	session->ended = session_ended;
	session->owner = console;
	console->late = (struct timer){ .fire = late_due, .owner = console };
	watch_cgroup(console, supervisor);
	timer_set(supervisor, &console->late, LATE_MS);
	session_start(session, supervisor);
	return 0;
}

void consoles_start(struct consoles *consoles, struct supervisor *supervisor, const char *socket)
{
	const struct bootplan *plan = &supervisor->machine->plan;
	CLEANUP(memory_free) char *docker = NULL;
	size_t started = 0;
	int r = 0;

	consoles->supervisor = supervisor;
	consoles->record = step_begin(supervisor->machine, "console");
	if (!plan->has_console || plan->console.ttys.count == 0) {
		settle(consoles, step_details(consoles->record, STEP_SKIP, "none in the plan"));
		return;
	}
	if (!socket)
		r = step_details(consoles->record, -ENOTSUP, "main is not Docker");
	else if (program_find("docker", &docker) < 0)
		r = step_details(consoles->record, -ENOENT,
				 "there is no 'docker' in this image; add it to 'programs:'");
	else if (!(consoles->items = calloc(plan->console.ttys.count, sizeof(struct console))))
		r = -ENOMEM;
	if (r < 0) {
		settle(consoles, r);
		return;
	}
	for (size_t i = 0; i < plan->console.ttys.count; i++) {
		consoles->items[i].consoles = consoles;
		r = console_start(&consoles->items[i], i, socket, docker);
		started += r == 0;
		if (r < 0)
			(void)log_line(LOG_WARNING, r, "console: none on '%s' (%s), skipping",
				       plan->console.ttys.items[i], strerror(-r));
	}
	if (started == 0 && !consoles->is_settled)
		settle(consoles, step_details(consoles->record, -ENODEV,
					      "none of the plan's terminals can be used"));
}
