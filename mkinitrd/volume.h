/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume.h - the boot file system of a disk, whether the kernel has it mounted or nobody has
 *
 * Paths have no leading '/'. Quiet.
 */
#pragma once

#include "fat.h"

/* one of both */
struct volume {
	struct fat *fat;  /* not mounted: read and written by ourselves; NULL else */
	int directory_fd; /* of the mount point; -1 else */
};

#define VOLUME_NONE ((struct volume){ .directory_fd = -1 })

/* what a file is to hold: @size bytes of @fd from offset 0, or of @bytes when @fd is -1 */
struct content {
	int fd;
	const void *bytes;
	uint64_t size;
};

void volume_close(struct volume *volume);

/** volume_free_bytes() - what new files may take, whole clusters; and the size of those */
int volume_free_bytes(const struct volume *volume, uint64_t *ret_bytes, uint64_t *ret_cluster);

/** volume_size() - of a file. Return: 0, -ENOENT or another negative errno */
int volume_size(const struct volume *volume, const char *path, uint64_t *ret_size);

/** volume_read() - a whole small file, appended to @text; -EFBIG over @limit bytes */
int volume_read(const struct volume *volume, const char *path, size_t limit, struct text *text);

/** volume_make_directory() - one that is there already is fine */
int volume_make_directory(const struct volume *volume, const char *path);

/** volume_write() - a new file, on disk with its name when this returns; half a file may stay
 * behind after an error */
int volume_write(const struct volume *volume, const char *path, const struct content *content);

/** volume_remove() - a file; one that is not there is fine */
int volume_remove(const struct volume *volume, const char *path);

/** volume_patch() - write some bytes of a file in place: one sector of it, on disk on return */
int volume_patch(const struct volume *volume, const char *path, uint64_t offset, const void *bytes,
		 size_t count);

/** volume_sync() - all that was done so far is on disk */
int volume_sync(const struct volume *volume);
