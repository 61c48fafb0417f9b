/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_make.h - the SquashFS of an image, made or taken over from the image before it
 */
#pragma once

#include "squashfs.h"
#include "verity.h"

struct squashfs_made {
	struct manifest_squashfs record;
	struct verity verity; /* valid when the record has a root hash */
	uint64_t size;        /* of all, a hash tree included */
	bool is_reused;
	uint64_t archive_content; /* bytes of file content beside it, in the archives */
};

/**
 * squashfs_make() - the SquashFS that @job says; speaks
 * @old_image: when there is one that was made of the same, its SquashFS is copied; NULL: none
 * @old_squashfs: the file in which that image's SquashFS lies, when it does not carry it
 *
 * "The same" is told by the old image's manifest: every entry has the same attributes and, by its
 * SHA-256, the same content, and so have the bytes of the SquashFS the one that stands there.
 *
 * Return: as squashfs_write()
 */
int squashfs_make(const struct squashfs_job *job, const char *old_image, const char *old_squashfs,
		  struct squashfs_made *ret_made);

/** squashfs_finish() - what its bytes tell: SHA-256, and the hash tree @with_verity; speaks.
 * Return: 0, -EOVERFLOW (over the job's most; not spoken), or another negative errno */
int squashfs_finish(const struct squashfs_job *job, bool with_verity, struct squashfs_made *made);

/** squashfs_verify() - read @size bytes back and compare them with the entries of @job; speaks,
 * naming the first difference */
int squashfs_verify(const struct squashfs_job *job, uint64_t size);

/** squashfs_verify_tree() - read the hash tree back, when there is one; speaks */
int squashfs_verify_tree(const struct squashfs_job *job, const struct squashfs_made *made);
