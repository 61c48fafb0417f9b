/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_program.h - run a program to its end, for steps that cannot go on without
 */
#pragma once

#include <stdint.h>

#include "lib/text.h"

struct program_run {
	char *const *argv;  /* argv[0] is an absolute path */
	const char *doing;  /* "disk: checking /dev/vda", for a line when it takes long */
	uint64_t most_ms;   /* it gets SIGTERM then, and SIGKILL a little later */
	struct text *words; /* what it printed is appended, the last 4 KiB of it; may be NULL */
};

/**
 * program_run() - as spawn() starts it; its output and errors go to @words
 *
 * Waits, and is bounded. Return: 0 with its wait status; -ETIMEDOUT; the negative errno with which
 * it could not be started
 */
int program_run(const struct program_run *run, int *ret_status);

/** program_last_line() - of @words, the last line that is not blank; "" when there is none. Cuts
 * @words behind it */
const char *program_last_line(struct text *words);
