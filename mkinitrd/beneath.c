/* SPDX-License-Identifier: Apache-2.0 */
/*
 * beneath.c - making files below a directory and nowhere else (see beneath.h)
 *
 * Facts: openat2(2): RESOLVE_BENEATH refuses absolute paths and "..", which lead out, with EXDEV,
 *        RESOLVE_NO_SYMLINKS refuses symlinks in any component with ELOOP
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "beneath.h"

void beneath_close(struct beneath *beneath)
{
	fd_close(&beneath->top_fd);
	fd_close(&beneath->parent_fd);
	text_free(&beneath->parent);
}

static int open_directory(int directory_fd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	do
		fd = syscall(SYS_openat2, directory_fd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || errno == EAGAIN));
	return fd < 0 ? -errno : (int)fd;
}

/* component by component, with mkdir where one is missing. Return: a descriptor or -errno */
static int make_directories(int top_fd, const char *path)
{
	CLEANUP(fd_close) int at_fd = open_directory(top_fd, ".");

	if (at_fd < 0)
		return at_fd;
	while (*path) {
		size_t length = strcspn(path, "/");
		CLEANUP(memory_free) char *name = strndup(path, length);
		int fd;

		if (!name)
			return -ENOMEM;
		fd = open_directory(at_fd, name);
		if (fd == -ENOENT) {
			if (mkdirat(at_fd, name, 0755) < 0)
				return -errno;
			fd = open_directory(at_fd, name);
		}
		if (fd < 0)
			return fd;
		fd_close(&at_fd);
		at_fd = fd;
		path += length + (path[length] == '/');
	}
	return fd_take(&at_fd);
}

/* "..", wherever it leads, and the name that files have while they are written */
static int check_components(const char *path)
{
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length == 2 && path[0] == '.' && path[1] == '.')
			return -EXDEV;
		if (length == strlen(BENEATH_PARTIAL) && memcmp(path, BENEATH_PARTIAL, length) == 0)
			return -EALREADY;
		path += length + (path[length] == '/');
	}
	return 0;
}

int beneath_parent(struct beneath *beneath, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	CLEANUP(text_free) struct text parent = TEXT_EMPTY;
	int fd, r = check_components(path);

	*ret_name = slash ? slash + 1 : path;
	if (r < 0 || text_equal(*ret_name, "."))
		return r < 0 ? r : -EBUSY;
	if (length == 0)
		return beneath->top_fd;
	text_add_bytes(&parent, path, length);
	if (parent.failed)
		return -ENOMEM;
	if (beneath->parent_fd >= 0 &&
	    text_equal(text_string(&parent), text_string(&beneath->parent)))
		return beneath->parent_fd;
	fd_close(&beneath->parent_fd);
	fd = open_directory(beneath->top_fd, text_string(&parent));
	if (fd == -ENOENT)
		fd = make_directories(beneath->top_fd, text_string(&parent));
	if (fd < 0)
		return fd;
	beneath->parent_fd = fd;
	text_free(&beneath->parent);
	beneath->parent = parent;
	parent = TEXT_EMPTY;
	return fd;
}

int beneath_clear(struct beneath *beneath, int parent_fd, const char *name)
{
	struct stat status;

	if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(status.st_mode))
		return unlinkat(parent_fd, name, 0) < 0 ? -errno : 0;
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
		return -errno;
	if (parent_fd != beneath->parent_fd)
		fd_close(&beneath->parent_fd); /* it may be the one that is gone */
	return 0;
}

int beneath_begin(struct beneath *beneath, int parent_fd, const char *name)
{
	struct stat status;
	int fd, r = 0;

	if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
		r = beneath_clear(beneath, parent_fd, name);
	if (r == 0)
		r = beneath_clear(beneath, parent_fd, BENEATH_PARTIAL);
	if (r < 0)
		return r;
	fd = openat(parent_fd, BENEATH_PARTIAL,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int beneath_publish(int parent_fd, const char *name)
{
	int r = renameat(parent_fd, BENEATH_PARTIAL, parent_fd, name) < 0 ? -errno : 0;

	if (r < 0)
		beneath_abandon(parent_fd);
	return r;
}

void beneath_abandon(int parent_fd)
{
	(void)unlinkat(parent_fd, BENEATH_PARTIAL, 0);
}
