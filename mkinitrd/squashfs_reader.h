/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_reader.h - what a SquashFS holds, whoever made it
 *
 * Untrusted input: every number is checked before it is used, memory is bounded. Quiet:
 * squashfs_reader_problem() has the words for the one who speaks.
 * Source: kernel Documentation/filesystems/squashfs.rst, fs/squashfs/squashfs_fs.h
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "image.h"
#include "xattr.h"

struct squashfs_reader;

struct squashfs_item {    /* valid until the next call of squashfs_reader_next() */
	const char *path; /* relative; never the root itself */
	mode_t mode;      /* file type and permission bits */
	uint32_t uid, gid, nlink, inode;
	uint32_t special_major, special_minor;
	int64_t mtime;
	uint64_t size;
	const char *target; /* symlinks */
};

/**
 * squashfs_reader_open() - @fd is read by position, and stays the caller's
 * @offset: where the SquashFS begins
 * @held:   how many bytes there are from there on
 *
 * Return: 0, -EBADMSG (it cannot be read; *ret_reader is there for its words alone), or a negative
 * errno
 */
int squashfs_reader_open(int fd, uint64_t offset, uint64_t held,
			 struct squashfs_reader **ret_reader);
void squashfs_reader_close(struct squashfs_reader *reader);
static inline void squashfs_reader_cleanup(struct squashfs_reader **reader)
{
	squashfs_reader_close(*reader);
	*reader = NULL;
}

/** squashfs_reader_next() - the next entry: a directory, then what it holds. Return: 1, 0 at the
 * end, or a negative errno */
int squashfs_reader_next(struct squashfs_reader *reader, struct squashfs_item *ret_item);

/** squashfs_reader_piece() - content of the current entry, a block at a time; valid until the next
 * call. Return: its length, 0 at the end, or a negative errno */
ssize_t squashfs_reader_piece(struct squashfs_reader *reader, const unsigned char **ret_piece);

/** squashfs_reader_xattrs() - of the current entry; the caller frees them. Return: 0 or -errno */
int squashfs_reader_xattrs(struct squashfs_reader *reader, struct xattrs *ret_xattrs);

const char *squashfs_reader_problem(const struct squashfs_reader *reader);

/** what its superblock says */
enum compression squashfs_reader_compression(const struct squashfs_reader *reader);
uint64_t squashfs_reader_size(const struct squashfs_reader *reader);
