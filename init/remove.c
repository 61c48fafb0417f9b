/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remove.c - everything below a directory
 *
 * In:    an open directory
 * Out:   it is empty, but for mounts and what is to stay
 * Facts: a mount below is known by its st_dev; unlinking a mount point is EBUSY: unlink(2)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/text.h"
#include "remove.h"

#define MOST_DEPTH 200

struct removal {
	const struct stat *kept;
	size_t kept_count;
	dev_t device;
	int result;
};

static void note(struct removal *removal, int error)
{
	if (removal->result == 0)
		removal->result = error;
}

static bool is_kept(const struct removal *removal, const struct stat *status)
{
	for (size_t i = 0; i < removal->kept_count; i++)
		if (removal->kept[i].st_dev == status->st_dev &&
		    removal->kept[i].st_ino == status->st_ino)
			return true;
	return false;
}

static void remove_in(struct removal *removal, int directory_fd, int depth);

static void remove_one(struct removal *removal, int directory_fd, const char *name, int depth)
{
	struct stat status;
	int flags = 0;

	if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		note(removal, -errno);
		return;
	}
	if (status.st_dev != removal->device || is_kept(removal, &status))
		return;
	if (S_ISDIR(status.st_mode)) {
		CLEANUP(fd_close)
		int fd =
			openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 || depth == MOST_DEPTH)
			note(removal, fd < 0 ? -errno : -ELOOP);
		else
			remove_in(removal, fd, depth + 1);
		flags = AT_REMOVEDIR;
	}
	/* not empty, or busy: something in it stays */
	if (unlinkat(directory_fd, name, flags) < 0 && errno != ENOTEMPTY && errno != EBUSY)
		note(removal, -errno);
}

static void remove_in(struct removal *removal, int directory_fd, int depth)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	CLEANUP(fd_close) int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct dirent *entry;

	if (fd >= 0)
		directory = fdopendir(fd);
	if (!directory) {
		note(removal, -errno);
		return;
	}
	(void)fd_take(&fd);
	while ((entry = readdir(directory)))
		if (!text_equal(entry->d_name, ".") && !text_equal(entry->d_name, ".."))
			remove_one(removal, directory_fd, entry->d_name, depth);
}

int remove_below(int directory_fd, const struct stat *kept, size_t kept_count)
{
	struct removal removal = { .kept = kept, .kept_count = kept_count };
	struct stat status;

	if (fstat(directory_fd, &status) < 0)
		return -errno;
	removal.device = status.st_dev;
	remove_in(&removal, directory_fd, 0);
	return removal.result;
}
