/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue_console.h - a message, and a shell, on every kernel console
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/bootplan.h"

#define CONSOLE_COUNT 8
#define FOREVER UINT64_MAX

struct console {
	char path[64];
	pid_t child; /* 0: none */
};

struct consoles {
	struct console items[CONSOLE_COUNT];
	size_t count;
};

/** consoles_find() - the terminals behind the kernel's consoles, those that answer */
void consoles_find(struct consoles *consoles);

/** consoles_show() - write @message to all; a console that is stopped costs 2 s at most.
 * SIGCHLD is to be blocked, here and below */
void consoles_show(struct consoles *consoles, const struct text *message);

/** consoles_shell() - the same, then a shell on each, behind @password (a hash, or NULL); the first
 * one that ends ends the others. Return: false when not one could be started */
bool consoles_shell(struct consoles *consoles, const struct text *message,
		    const struct plan_shell *shell, const char *password);

/** reap_until() - wait for a child of any kind until clock_ms() is @end_ms. Return: its pid, or 0
 */
pid_t reap_until(uint64_t end_ms, int *ret_status);
