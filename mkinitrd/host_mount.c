/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_mount.c - is /boot there? (see host_mount.h)
 *
 * In:    the host's fstab
 * Out:   an error for what is in it, should hold the path, and is not mounted
 * Facts: fstab(5); looking into an automount's folder mounts it (systemd.automount(5))
 */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <string.h>

#include "fail.h"
#include "host_mount.h"

/* whether another file system than that of the folder above begins at @path */
static bool is_mount_point(const struct host *host, const char *path)
{
	CLEANUP(text_free) struct text inside = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	struct stat here, above;

	/* what is in it, not the folder itself: so that an automount mounts */
	text_format(&inside, "%s/.", path);
	fd = sysroot_open(&host->root, text_string(&inside), O_RDONLY | O_DIRECTORY);
	return fd >= 0 && fstat(fd, &here) == 0 && fstatat(fd, "..", &above, 0) == 0 &&
	       (here.st_dev != above.st_dev || here.st_ino == above.st_ino);
}

static bool is_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	while (length > 1 && folder[length - 1] == '/')
		length--;
	return folder[0] == '/' && length > 1 && strncmp(path, folder, length) == 0 &&
	       path[length] == '/';
}

int host_check_mounted(const struct host *host, const char *path)
{
	int fd = sysroot_open(&host->root, "/etc/fstab", O_RDONLY | O_NONBLOCK);
	CLEANUP(file_close) FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	char line[4096];
	struct mntent entry;

	if (fd >= 0 && !file)
		(void)close(fd);
	while (file && getmntent_r(file, &entry, line, sizeof(line))) {
		if (!is_below(path, entry.mnt_dir) || is_mount_point(host, entry.mnt_dir))
			continue;
		(void)fail(0, "'%s' is in /etc/fstab and not mounted; mount it", entry.mnt_dir);
		return -ENODEV;
	}
	return 0;
}
