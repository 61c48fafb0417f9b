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

/** program_words() - add the end of @words, about @most bytes, to @line as one line */
void program_words(const struct text *words, size_t most, struct text *line);
