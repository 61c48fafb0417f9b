/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c - whole small files in, whole buffers out (see file.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"

int file_read_fd(int fd, size_t limit, struct text *text)
{
	char buffer[16384];
	size_t total = 0;

	for (;;) {
		ssize_t count = read(fd, buffer, sizeof(buffer));

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (count == 0)
			return text->failed ? -ENOMEM : 0;
		total += (size_t)count;
		if (total > limit)
			return -EFBIG;
		text_add_bytes(text, buffer, (size_t)count);
	}
}

int file_read(int directory_fd, const char *path, size_t limit, struct text *text)
{
	CLEANUP(fd_close) int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : file_read_fd(fd, limit, text);
}

int file_read_line(int directory_fd, const char *path, char **ret_line)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = file_read(directory_fd, path, 1 << 20, &text);

	if (r < 0)
		return r;
	if (text.data) {
		text.length = strcspn(text.data, "\n");
		text.data[text.length] = '\0';
	}
	return text_take(&text, ret_line);
}

int file_write_fd(int fd, const void *bytes, size_t count)
{
	const char *position = bytes;

	while (count) {
		ssize_t written = write(fd, position, count);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		position += written;
		count -= (size_t)written;
	}
	return 0;
}

static int file_write_flags(int directory_fd, const char *path, const char *string, int flags,
			    mode_t mode)
{
	CLEANUP(fd_close)
	int fd = openat(directory_fd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY | flags, mode);
	ssize_t written;

	if (fd < 0)
		return -errno;
	written = write(fd, string, strlen(string));
	if (written < 0)
		return -errno;
	return (size_t)written == strlen(string) ? 0 : -EIO;
}

int file_read_at(int fd, void *bytes, size_t count, uint64_t offset)
{
	char *position = bytes;

	while (count) {
		ssize_t got = pread(fd, position, count, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		position += got;
		count -= (size_t)got;
		offset += (size_t)got;
	}
	return 0;
}

int file_write_at(int fd, const void *bytes, size_t count, uint64_t offset)
{
	const char *position = bytes;

	while (count) {
		ssize_t put = pwrite(fd, position, count, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -EIO;
		position += put;
		count -= (size_t)put;
		offset += (size_t)put;
	}
	return 0;
}

int file_write(int directory_fd, const char *path, const char *string, mode_t mode)
{
	return file_write_flags(directory_fd, path, string, O_CREAT | O_TRUNC, mode);
}

int file_write_existing(int directory_fd, const char *path, const char *string)
{
	return file_write_flags(directory_fd, path, string, 0, 0);
}

int file_replace(const char *path, const void *bytes, size_t count, mode_t mode, bool is_durable)
{
	CLEANUP(text_free) struct text new_path = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	int r;

	text_format(&new_path, "%s.new", path);
	if (new_path.failed)
		return -ENOMEM;
	(void)unlink(text_string(&new_path));
	fd = open(text_string(&new_path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return -errno;
	r = file_write_fd(fd, bytes, count);
	if (r == 0 && (fchmod(fd, mode) < 0 || (is_durable && fsync(fd) < 0) ||
		       rename(text_string(&new_path), path) < 0))
		r = -errno;
	if (r < 0)
		(void)unlink(text_string(&new_path));
	return r;
}

int link_replace(const char *path, const char *target)
{
	CLEANUP(text_free) struct text new_path = TEXT_EMPTY;

	text_format(&new_path, "%s.new", path);
	if (new_path.failed)
		return -ENOMEM;
	(void)unlink(text_string(&new_path));
	if (symlink(target, text_string(&new_path)) < 0)
		return -errno;
	if (rename(text_string(&new_path), path) < 0) {
		int error = errno;

		(void)unlink(text_string(&new_path));
		return -error;
	}
	return 0;
}

int directory_make(const char *path, mode_t mode)
{
	CLEANUP(memory_free) char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(copy, mode) < 0 && errno != EEXIST ? -errno : 0;
}
