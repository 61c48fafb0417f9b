/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.h - a manifest as the bytes of one newc archive
 */
#pragma once

#include "image.h"
#include "image_order.h"
#include "output.h"
#include "relay.h"

/* what a boot plan may grow by when its SquashFS is made: numbers, and a line with two hashes */
#define ARCHIVE_PLAN_GROWTH 512

struct archive_job {
	const struct manifest *manifest;   /* all of it: manifest.json */
	struct entry *const *entries;      /* what this archive holds, in order */
	const struct record_place *places; /* of each of them */
	size_t count;
	bool is_early;         /* the first segment: contents are aligned as microcode needs it;
				* else the last one, which ends in manifest.json and the sentinel */
	uint64_t content_most; /* about what all segments hold, for the progress line */
	const struct image_options *options;
	const struct output *output; /* no source may be what it replaces */
};

/**
 * archive_make() - fill @relay with one archive; for a thread of its own; speaks
 * @result: files, content and bytes_in are counted up
 *
 * One pass over each source: size and sha256 of the entries are filled in. Ends the relay, with
 * the same result as it returns. The archive is a multiple of 512 bytes long.
 *
 * Return: 0, -ESTALE (a source changed while it was read), -EFBIG, -ECANCELED (the taking side gave
 * up; not spoken), or another negative errno
 */
int archive_make(const struct archive_job *job, struct relay *relay, struct image_result *result);

/** archive_size_most() - bytes that the archive of @job may have, before its sources were read: all
 * but the boot plan are as large as they were seen, and the plan may grow by ARCHIVE_PLAN_GROWTH */
uint64_t archive_size_most(const struct archive_job *job);
