/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main_output.h - exec mode: what main prints, and its last words before the kernel panics
 */
#pragma once

#include "output.h"

struct main_output {
	struct output output;
	struct child main; /* process 1, of which the kernel tells us as of a child */
};

/**
 * main_output_open() - in the helper: read what comes out of @read_fd, which it owns from now on
 *
 * Process 1 is held at its end until all of that is in the log. When that cannot be arranged, a
 * warning says so and reading goes on. Return: 0 or a negative errno
 */
int main_output_open(struct main_output *main_output, struct supervisor *supervisor, int read_fd);
