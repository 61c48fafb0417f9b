/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - a file that appears whole or not at all
 *
 * A temporary file ".NAME.XXXXXX" beside the target, mode 0600, is renamed over it at the end. It
 * is removed on failure and on SIGINT, SIGTERM and SIGHUP, which then end the process as usual;
 * what a process left that was killed otherwise is removed by the next one. OUTPUTS_MOST at a
 * time in a process.
 */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "../init/lib/text.h"

#define OUTPUTS_MOST 2

struct output {
	int directory_fd;
	int fd;               /* read and write, at offset 0 after output_open() */
	char *path;           /* as the user gave it, for messages */
	char *name;           /* in the directory; NULL: standard output */
	char *temporary;      /* in the directory; NULL: there is none (any more) */
	struct stat replaced; /* the file that stands there now; all zero: none */
};

#define OUTPUT_EMPTY ((struct output){ .directory_fd = -1, .fd = -1 })

/** output_open() - check the target and make the temporary file; speaks. A symlink at @path stays:
 * what it points to is replaced, or made when it is not there and its directory is. */
int output_open(struct output *output, const char *path);

/** output_open_stdout() - the same for standard output, which gets all of it when it is published:
 * until then it lies in $TMPDIR (else /var/tmp, else /tmp) without a name; speaks. A terminal is
 * refused */
int output_open_stdout(struct output *output);

/** output_free_bytes() - what is free where the file lies; UINT64_MAX when that is not known */
uint64_t output_free_bytes(const struct output *output);

/** output_replaces() - whether @status is of the file that will be replaced */
bool output_replaces(const struct output *output, const struct stat *status);

/** output_publish() - fsync, rename, fsync the directory; speaks */
int output_publish(struct output *output);

/** output_write() - (output_write.c) all of the above for @size bytes that are at hand, with @mode;
 * speaks */
int output_write(const char *path, const void *bytes, size_t size, mode_t mode);

/** output_close() - remove the temporary file unless it was published; for CLEANUP */
void output_close(struct output *output);
