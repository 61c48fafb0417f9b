/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume.c - the boot file system of a disk, mounted or not (see volume.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "volume.h"
#include "../init/lib/file.h"

#define PIECE ((size_t)1 << 20)

void volume_close(struct volume *volume)
{
	fat_close(volume->fat);
	volume->fat = NULL;
	fd_close(&volume->directory_fd);
}

int volume_free_bytes(const struct volume *volume, uint64_t *ret_bytes, uint64_t *ret_cluster)
{
	struct statvfs status;

	if (volume->fat) {
		*ret_bytes = fat_free_bytes(volume->fat);
		*ret_cluster = fat_cluster_bytes(volume->fat);
		return 0;
	}
	if (fstatvfs(volume->directory_fd, &status) < 0)
		return -errno;
	*ret_bytes = (uint64_t)status.f_bavail * status.f_frsize;
	*ret_cluster = status.f_bsize;
	return 0;
}

int volume_size(const struct volume *volume, const char *path, uint64_t *ret_size)
{
	struct stat status;
	bool is_directory;

	if (volume->fat)
		return fat_stat(volume->fat, path, &is_directory, ret_size);
	if (fstatat(volume->directory_fd, path, &status, 0) < 0)
		return -errno;
	*ret_size = (uint64_t)status.st_size;
	return 0;
}

int volume_read(const struct volume *volume, const char *path, size_t limit, struct text *text)
{
	if (volume->fat)
		return fat_read(volume->fat, path, limit, text);
	return file_read(volume->directory_fd, path, limit, text);
}

int volume_make_directory(const struct volume *volume, const char *path)
{
	if (volume->fat)
		return fat_make_directory(volume->fat, path);
	if (mkdirat(volume->directory_fd, path, 0755) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

static int copy_content(int fd, const struct content *content)
{
	CLEANUP(memory_free) char *piece = NULL;
	uint64_t done = 0;
	int r = 0;

	if (content->fd < 0)
		return file_write_fd(fd, content->bytes, (size_t)content->size);
	piece = malloc(PIECE);
	if (!piece)
		return -ENOMEM;
	while (r == 0 && done < content->size) {
		size_t want = content->size - done < PIECE ? (size_t)(content->size - done) : PIECE;
		ssize_t got = pread(content->fd, piece, want, (off_t)done);

		if (got <= 0)
			return got < 0 ? -errno : -ESTALE;
		r = file_write_fd(fd, piece, (size_t)got);
		done += (uint64_t)got;
	}
	return r;
}

int volume_write(const struct volume *volume, const char *path, const struct content *content)
{
	CLEANUP(fd_close) int fd = -1;
	int r;

	if (volume->fat)
		return fat_write(volume->fat, path, content->fd, content->bytes, content->size);
	fd = openat(volume->directory_fd, path,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	r = copy_content(fd, content);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return r;
}

int volume_remove(const struct volume *volume, const char *path)
{
	int r;

	if (volume->fat) {
		r = fat_remove(volume->fat, path);
		return r == -ENOENT || r == -ENOTDIR ? 0 : r;
	}
	if (unlinkat(volume->directory_fd, path, 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int volume_patch(const struct volume *volume, const char *path, uint64_t offset, const void *bytes,
		 size_t count)
{
	CLEANUP(fd_close) int fd = -1;

	if (volume->fat)
		return fat_patch(volume->fat, path, offset, bytes, count);
	fd = openat(volume->directory_fd, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (pwrite(fd, bytes, count, (off_t)offset) != (ssize_t)count)
		return errno ? -errno : -EIO;
	return fsync(fd) < 0 ? -errno : 0;
}

int volume_sync(const struct volume *volume)
{
	if (volume->fat)
		return fat_finish(volume->fat);
	return syncfs(volume->directory_fd) < 0 ? -errno : 0;
}
