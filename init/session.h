/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.h - a program on a terminal of its own, started again whenever it ends
 */
#pragma once

#include "backoff.h"
#include "supervisor.h"

/* from here on a session counts as one that works */
#define SESSION_GOOD_MS 5000

struct session {
	struct strings words; /* argv */
	char *terminal;       /* device */
	char *greeting;       /* NULL: none */
	/* before it is started again. @error: it could not be started. Return: how long it worked,
	 * which decides how soon it is started again */
	uint64_t (*ended)(struct session *session, int error, int status, uint64_t lived_ms);
	void *owner;
	struct supervisor *supervisor;
	struct child child;
	struct timer again;
	struct backoff backoff;
	uint64_t started_ms;
	struct session *next;
};

/** session_start() - and again for ever, until the supervisor is ending. The caller has filled
 * words, terminal, greeting, ended, owner */
void session_start(struct session *session, struct supervisor *supervisor);

/** sessions_pause() - end what runs in all sessions, and start nothing until sessions_resume() */
void sessions_pause(void);
void sessions_resume(void);

/** session_terminal_name() - "ttyS0" of its "/dev/ttyS0" */
const char *session_terminal_name(const struct session *session);

/** program_find() - @name in the directories of our PATH. Return: 0 or -ENOENT */
int program_find(const char *name, char **ret_path);
