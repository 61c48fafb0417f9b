/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - a program on a terminal of its own, started again whenever it ends
 *
 * In:    a command and a terminal
 * Out:   it runs there, in the cgroup "terminal"
 * Not:   what it is (shells.c, console.c)
 */
#include <errno.h>
#include <string.h>

#include "cgroup_tree.h"
#include "session.h"
#include "shells.h"
#include "spawn.h"
#include "terminal.h"

/* someone who leaves gets the next one at once; one that fails does not fill the screen */
static const struct backoff_rule session_rule = {
	.first_ms = 1000,
	.most_ms = 30000,
	.good_ms = SESSION_GOOD_MS,
	.good_pause_ms = 300,
};

#define CGROUP "terminal"

/* all of the machine's */
static struct session *sessions;
static bool is_paused;

const char *session_terminal_name(const struct session *session)
{
	const char *name = text_after(session->terminal, "/dev/");

	return name ? name : session->terminal;
}

static void run(struct session *session)
{
	CLEANUP(strings_free) struct strings env = STRINGS_EMPTY;
	const struct spawn how = {
		.argv = session->words.items,
		.env = &env,
		.cgroup = CGROUP,
		.output = -1,
		.error = -1,
		.terminal = session->terminal,
		.greeting = session->greeting,
	};
	int r = strings_add(&env, terminal_type(session->terminal));

	if (r == 0)
		r = strings_add(&env, "ENV=" SHELL_RC_PATH);
	if (r == 0)
		r = spawn(&how, &session->child.pid);
	session->started_ms = clock_ms();
	if (r == 0) {
		child_add(session->supervisor, &session->child);
		return;
	}
	(void)session->ended(session, r, 0, 0);
	timer_set(session->supervisor, &session->again,
		  backoff_pause(&session->backoff, &session_rule, 0));
}

static void again_due(struct supervisor *supervisor, struct timer *timer)
{
	if (!supervisor->is_ending && !is_paused)
		run(timer->owner);
}

static void child_ended(struct supervisor *supervisor, struct child *child, int status)
{
	struct session *session = child->owner;
	uint64_t lived_ms = clock_ms() - session->started_ms;

	if (supervisor->is_ending)
		return;
	lived_ms = session->ended(session, 0, status, lived_ms);
	if (!is_paused)
		timer_set(supervisor, &session->again,
			  backoff_pause(&session->backoff, &session_rule, lived_ms));
}

void session_start(struct session *session, struct supervisor *supervisor)
{
	session->supervisor = supervisor;
	session->child = (struct child){ .ended = child_ended, .owner = session };
	session->again = (struct timer){ .fire = again_due, .owner = session };
	session->next = sessions;
	sessions = session;
	if (!is_paused)
		run(session);
}

void sessions_pause(void)
{
	is_paused = true;
	(void)cgroup_kill(CGROUP);
}

void sessions_resume(void)
{
	is_paused = false;
	for (struct session *session = sessions; session; session = session->next)
		if (session->child.pid <= 0 && !session->again.is_set)
			run(session);
}

int program_find(const char *name, char **ret_path)
{
	static const char *const directories[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
						   "/usr/bin",        "/sbin",          "/bin" };

	for (size_t i = 0; i < COUNT_OF(directories); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "%s/%s", directories[i], name);
		if (access(text_string(&path), X_OK) == 0)
			return text_take(&path, ret_path);
	}
	return -ENOENT;
}
