/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.h - programs that take part in a build: run without a shell, their output kept
 */
#pragma once

#include "../init/lib/text.h"

#define OUTPUT_MOST ((size_t)64 << 10)

/**
 * process_run() - run a program to its end, stdin empty; quiet
 * @argv:       ends with NULL; argv[0] is looked up in PATH
 * @environment: names and values by turns, over our own; NULL at the end, or NULL
 * @stdout_fd:  where its stdout goes, or -1: with stderr into @ret_output
 * @ret_output: the last OUTPUT_MOST bytes that it printed
 * @ret_status: of waitpid(2)
 *
 * The program ends when this process does. Return: 0, or -errno when it could not be started
 */
int process_run(char *const *argv, const char *const *environment, int stdout_fd,
		struct text *ret_output, int *ret_status);

/** process_collect() - from @fd until its end, the last OUTPUT_MOST bytes; quiet */
int process_collect(int fd, struct text *ret_output);

/** process_show() - what a program printed, on stderr, before the line that says that it failed */
void process_show(const struct text *output);

/** process_describe() - "ended with status 1", "was killed by signal 9" */
void process_describe(int status, struct text *text);
