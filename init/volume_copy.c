/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume_copy.c - a folder with all below it, copied to the disk; what it is called there
 *
 * In:    an open directory, an empty one
 * Out:   the same in the other one
 * Not:   when that is done (volume.c)
 * Facts: overlayfs gives a file the device of its layer: Documentation/filesystems/overlayfs.rst,
 *        "Inode properties"; chown(2) takes set-id bits away, so permissions come last: chown(2)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "lib/file.h"
#include "volume.h"

#define MOST_DEPTH 200
#define PIECE ((size_t)128 << 10)

static int copy_in(int from_fd, int to_fd, dev_t device, int depth);

/* of a file or directory that is open */
static int take_status(int fd, const struct stat *status)
{
	const struct timespec times[2] = { status->st_atim, status->st_mtim };

	if (fchown(fd, status->st_uid, status->st_gid) < 0 ||
	    fchmod(fd, status->st_mode & 07777) < 0 || futimens(fd, times) < 0)
		return -errno;
	return 0;
}

static int copy_file(int from_fd, int to_fd, const char *name, const struct stat *status)
{
	CLEANUP(fd_close) int from = openat(from_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP(fd_close)
	int to = from < 0 ? -1 : openat(to_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CLEANUP(memory_free) char *bytes = malloc(PIECE);
	ssize_t count;
	int r = 0;

	if (from < 0 || to < 0 || !bytes)
		return from < 0 || to < 0 ? -errno : -ENOMEM;
	while (r == 0 && (count = read(from, bytes, PIECE)) != 0)
		r = count < 0 ? -errno : file_write_fd(to, bytes, (size_t)count);
	return r < 0 ? r : take_status(to, status);
}

static int copy_directory(int from_fd, int to_fd, const char *name, const struct stat *status,
			  int depth)
{
	CLEANUP(fd_close)
	int from = openat(from_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	CLEANUP(fd_close) int to = -1;
	int r;

	if (from < 0 || mkdirat(to_fd, name, 0700) < 0)
		return -errno;
	to = openat(to_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0)
		return -errno;
	r = depth == MOST_DEPTH ? -ELOOP : copy_in(from, to, status->st_dev, depth + 1);
	return r < 0 ? r : take_status(to, status);
}

static int copy_link(int from_fd, int to_fd, const char *name, const struct stat *status)
{
	char target[4096];
	ssize_t length = readlinkat(from_fd, name, target, sizeof(target) - 1);

	if (length < 0)
		return -errno;
	target[length] = '\0';
	if (symlinkat(target, to_fd, name) < 0 ||
	    fchownat(to_fd, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int copy_node(int to_fd, const char *name, const struct stat *status)
{
	if (mknodat(to_fd, name, status->st_mode, status->st_rdev) < 0 ||
	    fchownat(to_fd, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(to_fd, name, status->st_mode & 07777, 0) < 0)
		return -errno;
	return 0;
}

static int copy_one(int from_fd, int to_fd, const char *name, dev_t device, int depth)
{
	struct stat status;

	if (fstatat(from_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* files of an overlay have other devices than its directories */
	if (S_ISDIR(status.st_mode) && status.st_dev != device)
		return 0;
	switch (status.st_mode & S_IFMT) {
	case S_IFDIR:
		return copy_directory(from_fd, to_fd, name, &status, depth);
	case S_IFREG:
		return copy_file(from_fd, to_fd, name, &status);
	case S_IFLNK:
		return copy_link(from_fd, to_fd, name, &status);
	case S_IFSOCK:
		return 0;
	default:
		return copy_node(to_fd, name, &status);
	}
}

static int copy_in(int from_fd, int to_fd, dev_t device, int depth)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	CLEANUP(fd_close) int fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;
	int r = 0;

	if (fd < 0 || !(directory = fdopendir(fd)))
		return -errno;
	(void)fd_take(&fd);
	while (r == 0 && (errno = 0, entry = readdir(directory)) != NULL)
		if (!text_equal(entry->d_name, ".") && !text_equal(entry->d_name, ".."))
			r = copy_one(from_fd, to_fd, entry->d_name, device, depth);
	return r < 0 ? r : -errno;
}

int copy_below(int from_fd, int to_fd)
{
	struct stat status;
	int r;

	if (fstat(from_fd, &status) < 0)
		return -errno;
	r = copy_in(from_fd, to_fd, status.st_dev, 0);
	return r < 0 ? r : take_status(to_fd, &status);
}

void volume_name(const char *path, struct text *name)
{
	while (*path == '/')
		path++;
	for (; *path; path++) {
		if (*path == '-' || *path == '%')
			text_format(name, "%%%02X", (unsigned char)*path);
		else
			text_add_char(name, *path == '/' ? '-' : *path);
	}
}
