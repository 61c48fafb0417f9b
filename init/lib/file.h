/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - whole small files in, whole buffers out
 *
 * Quiet: every function returns 0 or a negative errno and prints nothing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "text.h"

/**
 * file_read() - append the content of a file to @text
 * @directory_fd: directory that a relative @path starts from, or AT_FDCWD
 * @limit:        the most bytes taken; a longer file is -EFBIG
 *
 * Works for files whose st_size is 0, such as those of procfs.
 */
int file_read(int directory_fd, const char *path, size_t limit, struct text *text);

/** file_read_fd() - the same from an open descriptor, from its current offset to the end */
int file_read_fd(int fd, size_t limit, struct text *text);

/** file_read_line() - the first line of a file without its newline; the caller frees it */
int file_read_line(int directory_fd, const char *path, char **ret_line);

/** file_write_fd() - write all of @bytes, whatever write(2) takes at a time */
int file_write_fd(int fd, const void *bytes, size_t count);

/** file_read_at(), file_write_at() - exactly @count bytes at @offset; a file that ends before is
 * -EIO */
int file_read_at(int fd, void *bytes, size_t count, uint64_t offset);
int file_write_at(int fd, const void *bytes, size_t count, uint64_t offset);

/**
 * file_write() - open (creating or truncating, with @mode), write @string and close
 *
 * One write(2) for the whole string, as procfs, sysfs and cgroupfs want it. A short write is -EIO.
 */
int file_write(int directory_fd, const char *path, const char *string, mode_t mode);

/** file_write_existing() - file_write() that never creates: for procfs, sysfs and cgroupfs */
int file_write_existing(int directory_fd, const char *path, const char *string);

/**
 * file_replace() - @path is all of @bytes with @mode, or what it was: written as "PATH.new",
 * renamed
 *
 * @is_durable: also when the power goes. A "PATH.new" that stands there is removed, never followed.
 */
int file_replace(const char *path, const void *bytes, size_t count, mode_t mode, bool is_durable);

/** link_replace() - the same with a symlink to @target */
int link_replace(const char *path, const char *target);

/** directory_make() - mkdir -p: every missing parent 0755, the last one @mode; existing is fine */
int directory_make(const char *path, mode_t mode);
