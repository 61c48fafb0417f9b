/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs.h - entries of a manifest as a SquashFS
 *
 * Source: kernel Documentation/filesystems/squashfs.rst
 */
#pragma once

#include "image.h"
#include "output.h"

#define SQUASHFS_PADDING 4096 /* a SquashFS is a multiple of that long: blocks of devices */

struct squashfs_job {
	struct entry *const *entries; /* sorted by path; parents of all are among them, but "/" */
	size_t count;
	const struct squashfs_form *form;
	unsigned jobs; /* threads; the bytes do not depend on it */
	int64_t mtime; /* of every entry; within 32 bits */
	const char *label;
	const struct output *output; /* no source may be what it replaces */
	int fd;
	uint64_t offset; /* in @fd, where it begins; what is there is overwritten */
	uint64_t most;   /* bytes that it may have; 0: no limit */
	uint64_t *content_done, content_most; /* for the progress line */
};

/**
 * squashfs_write() - a whole SquashFS; speaks
 * @ret_size: its bytes, padding included
 *
 * One pass over each source: size and sha256 of the entries are filled in. Owner, mode, links,
 * device numbers and extended attributes go in as the entries have them; nothing of that takes
 * privileges.
 *
 * Return: 0, -EOVERFLOW (over @most; not spoken), -ESTALE (a source changed), or another negative
 * errno
 */
int squashfs_write(const struct squashfs_job *job, uint64_t *ret_size);
