/* SPDX-License-Identifier: Apache-2.0 */
/*
 * console.h - the console container on terminals
 */
#pragma once

#include "session.h"

struct console {
	struct consoles *consoles;
	struct session session;
	struct watch events; /* of the container's cgroup */
	struct timer late;
	char container[64]; /* its name, and that of the cgroup above it */
	char report[96];    /* a file that the agent writes */
	bool is_up;
	uint64_t up_ms;
};

struct consoles {
	struct supervisor *supervisor;
	struct console *items;
	size_t count;
	struct step_record *record;
	bool is_settled;
	char *last_why; /* of a console that did not come up, NULL: the last one did */
};

/** consoles_start() - begin the step "console"; @socket is Docker's, NULL: there is none */
void consoles_start(struct consoles *consoles, struct supervisor *supervisor, const char *socket);
