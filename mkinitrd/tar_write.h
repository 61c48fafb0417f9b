/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar_write.h - entries of a manifest as a tar, and read back
 */
#pragma once

#include "compress.h"
#include "content.h"

struct tar_job {
	struct entry *const *entries; /* parents before what is in them */
	size_t count;
	int64_t mtime;     /* of every member */
	bool has_end;      /* the last of it is the empty file that says that nothing is missing */
	const char *label; /* what messages call the archive, with quotes */
	uint64_t *done;    /* bytes of content so far, for the progress line */
	uint64_t total;
};

/**
 * tar_write() - the archive of @job, in pieces; speaks
 * @write: takes them; what it returns below 0 is returned, not spoken
 *
 * Each source is read once: sizes and hashes of the entries are filled in.
 */
int tar_write(const struct tar_job *job, struct content_reader *reader, sink_write *write,
	      void *context);

/* bytes to be read back */
struct tar_range {
	int fd;
	uint64_t offset, size;
	unsigned char sha256[SHA256_SIZE]; /* of all of them, when tar_verify() is done */
};

/**
 * tar_verify() - an archive against the entries that it was made of, whose hashes are known; by
 * libarchive, which has not written it; speaks
 * @range: the archive, compressed or not
 *
 * Return: 0, -EBADMSG (the first difference was said) or another -errno
 */
int tar_verify(const struct tar_job *job, struct tar_range *range);
