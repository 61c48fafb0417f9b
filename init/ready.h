/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ready.h - wait until somebody accepts on a socket
 */
#pragma once

#include "supervisor.h"

struct ready_check {
	const char *path; /* of the socket */
	void (*accepts)(struct supervisor *supervisor, struct ready_check *check);
	void *owner;
	struct watch directory; /* inotify */
	struct timer again;
	uint64_t pause_ms;
};

#define READY_CHECK_EMPTY ((struct ready_check){ .directory = { .fd = -1 } })

/** ready_begin() - look now, and whenever something happens where the socket will be; @accepts is
 * called once, never from within ready_begin() */
void ready_begin(struct ready_check *check, struct supervisor *supervisor);

/** ready_end() - stop looking; fine when nothing was begun */
void ready_end(struct ready_check *check, struct supervisor *supervisor);

/** socket_connect() - try it, not waiting. Return: 0 it accepts, or the negative errno */
int socket_connect(const char *path);
