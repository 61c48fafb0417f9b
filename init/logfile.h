/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logfile.h - a log file that never outgrows its limit
 *
 * PATH is written to, PATH.old is what was there before; each takes half of the limit. Quiet.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct logfile {
	int directory_fd, fd;
	const char *name;     /* in the directory; into the caller's path */
	uint64_t size, limit; /* bytes: of PATH now; of both files together */
};

#define LOGFILE_EMPTY ((struct logfile){ .directory_fd = -1, .fd = -1 })

/**
 * logfile_open() - open or make a log file, to go on at its end
 * @path:  absolute, kept until logfile_close(); missing directories are made
 *
 * What lies on a disk is not trusted: a symlink anywhere in @path and anything but a regular file
 * is refused. Return: 0 or a negative errno
 */
int logfile_open(struct logfile *logfile, const char *path, uint64_t limit);

/** logfile_write() - append @count bytes whole, after a rotation when they would not fit */
int logfile_write(struct logfile *logfile, const char *bytes, size_t count);
void logfile_close(struct logfile *logfile);
