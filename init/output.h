/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - what a child prints, line by line, and the last of it
 */
#pragma once

#include "supervisor.h"

#define OUTPUT_LINE_BYTES 900
#define OUTPUT_LAST_LINES 20
#define OUTPUT_WINDOW_MS 5000
#define OUTPUT_WINDOW_LINES 500

/* A line longer than OUTPUT_LINE_BYTES is given out in pieces, all but the first with "... " before
 * them. The pipe lives as long as this does, so that a child started again goes on with the
 * same one. */
struct output {
	const char *name;                                      /* in the log: "NAME: LINE" */
	void (*line)(struct output *output, const char *line); /* for each line */
	void *owner;
	struct supervisor *supervisor;
	struct watch watch;
	int write_fd; /* for the child's descriptors 1 and 2 */
	char buffer[OUTPUT_LINE_BYTES + 1];
	size_t length;
	char *last[OUTPUT_LAST_LINES]; /* a ring */
	size_t count;                  /* of all lines so far */
	/* output_log() lets through so many lines in so much time */
	struct timer window; /* set while one is open */
	unsigned in_window, dropped;
};

#define OUTPUT_EMPTY ((struct output){ .watch = { .fd = -1 }, .write_fd = -1 })

/** output_open() - make the pipe and watch it */
int output_open(struct output *output, struct supervisor *supervisor);

/** output_watch() - the same with a pipe that is there already; owns @read_fd, whatever it returns
 */
int output_watch(struct output *output, struct supervisor *supervisor, int read_fd);

/** output_drain() - read what is there now, after its writer has ended; half a line is one too */
void output_drain(struct output *output);

/** output_last() - number of kept lines, and one of them, oldest first */
size_t output_last_count(const struct output *output);
const char *output_last(const struct output *output, size_t index);

/** output_forget() - drop the kept lines */
void output_forget(struct output *output);
void output_close(struct output *output, struct supervisor *supervisor);

/**
 * output_log() - a line function: to where the plan's log leads (output_sink.h)
 *
 * Kernel log and console take OUTPUT_WINDOW_LINES in OUTPUT_WINDOW_MS; how many lines were dropped
 * after that is a line of its own.
 */
void output_log(struct output *output, const char *line);
