/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_squashfs.h - the SquashFS of an image: carried in a segment, or in a file of its own
 */
#pragma once

#include <pthread.h>

#include "archive.h"
#include "image_order.h"
#include "squashfs_make.h"

struct image_squashfs {
	/* set by the caller */
	const struct archive_job *archive;
	const struct image_order *order;
	const char *label;
	const struct output *beside; /* the file of its own; NULL: it is carried */
	uint64_t offset;             /* carried: in the output, of the segment */
	uint64_t most;               /* bytes that it may have; 0: no limit */
	/* out */
	struct squashfs_job job;
	struct squashfs_made made;
	uint64_t segment_size; /* carried: of the whole segment, a multiple of 512 */
	/* it is read back while what comes after it is made */
	pthread_t reader;
	bool is_reading;
	int read_result;
};

/**
 * image_squashfs_write() - make it; speaks
 *
 * Carried it is in a newc archive of one record, SQUASHFS_NAME, behind which the output's position
 * is then. It is being read back from then on. @result is counted up, and the manifest has its
 * record. Return: 0, -EOVERFLOW (over
 * @most; not spoken), or another negative errno
 */
int image_squashfs_write(struct image_squashfs *squashfs, struct manifest *manifest,
			 struct image_result *result);

/** image_squashfs_join() - wait until it was read back; quiet. Return: 0, or what that failed with
 * (spoken) */
int image_squashfs_join(struct image_squashfs *squashfs);

/** image_squashfs_verify() - the same, and its hash tree; speaks */
int image_squashfs_verify(struct image_squashfs *squashfs);
