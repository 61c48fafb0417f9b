/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_file.c - what libsquashfs writes to: a part of a file (see squashfs_file.h)
 *
 * In:    positions from the beginning of the SquashFS
 * Out:   bytes of a file, from an offset on
 */
#include <errno.h>
#include <unistd.h>

#include <sqfs/error.h>
#include <sqfs/predef.h>

#include "squashfs_file.h"
#include "../init/lib/file.h"

static void file_destroy(sqfs_object_t *object)
{
	(void)object;
}

static int note_error(struct squashfs_file *file, int error)
{
	if (file->error == 0)
		file->error = error;
	return SQFS_ERROR_IO;
}

static int read_part(sqfs_file_t *base, sqfs_u64 offset, void *buffer, size_t size)
{
	struct squashfs_file *file = (struct squashfs_file *)base;
	int r = file_read_at(file->fd, buffer, size, file->offset + offset);

	return r < 0 ? note_error(file, r) : 0;
}

static int write_part(sqfs_file_t *base, sqfs_u64 offset, const void *buffer, size_t size)
{
	struct squashfs_file *file = (struct squashfs_file *)base;
	int r = 0;

	if (file->is_given_up)
		return 0;
	if (file->most && offset + size > file->most)
		r = -EOVERFLOW;
	else
		r = file_write_at(file->fd, buffer, size, file->offset + offset);
	if (r < 0)
		return note_error(file, r);
	if (offset + size > file->size)
		file->size = offset + size;
	return 0;
}

static sqfs_u64 file_get_size(const sqfs_file_t *base)
{
	return ((const struct squashfs_file *)base)->size;
}

static int file_truncate(sqfs_file_t *base, sqfs_u64 size)
{
	struct squashfs_file *file = (struct squashfs_file *)base;

	if (ftruncate(file->fd, (off_t)(file->offset + size)) < 0)
		return note_error(file, -errno);
	file->size = size;
	return 0;
}

void squashfs_file_open(struct squashfs_file *file, int fd, uint64_t offset, uint64_t most)
{
	*file = (struct squashfs_file){
		.base = {
			.base.destroy = file_destroy,
			.read_at = read_part,
			.write_at = write_part,
			.get_size = file_get_size,
			.truncate = file_truncate,
		},
		.fd = fd,
		.offset = offset,
		.most = most,
	};
}

int squashfs_error(const struct squashfs_file *file, int result)
{
	if (result >= 0)
		return 0;
	if (file->error)
		return file->error;
	switch (result) {
	case SQFS_ERROR_ALLOC:
		return -ENOMEM;
	case SQFS_ERROR_OVERFLOW:
		return -EFBIG;
	case SQFS_ERROR_UNSUPPORTED:
		return -ENOTSUP;
	case SQFS_ERROR_CORRUPTED:
	case SQFS_ERROR_OUT_OF_BOUNDS:
		return -EBADMSG;
	default:
		return -EIO;
	}
}
