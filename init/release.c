/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release.c - what stands between a file system and its disk: swap, loop and dm devices
 *
 * In:    /proc/swaps, /sys/block
 * Out:   areas switched off, devices gone, so that the disk below can be unmounted
 * Not:   unmounting (unmount.c)
 * Facts: swapon(2), loop(4): LOOP_CLR_FD of a device in use succeeds and takes effect at its last
 *        close; kernel include/uapi/linux/dm-ioctl.h: DM_DEV_REMOVE is EBUSY for one in use
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/swap.h>

#include "lib/file.h"
#include "machine.h"
#include "release.h"
#include "unmount.h"

#define BLOCK_DIRECTORY "/sys/block"
#define SWAPS_BYTES (1u << 20)

char *swap_path_next(char **position)
{
	for (;;) {
		char *line = *position, *end = strchrnul(line, '\n');

		if (!*line)
			return NULL;
		*position = *end ? end + 1 : end;
		*end = '\0';
		/* the first line is a heading */
		if (*line != '/')
			continue;
		line[strcspn(line, " \t")] = '\0';
		mount_unescape(line);
		return line;
	}
}

size_t swap_off(void)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	size_t count = 0;
	char *position, *path;

	/* no such file: a kernel without swap */
	if (file_read(AT_FDCWD, "/proc/swaps", SWAPS_BYTES, &text) < 0 || !text.data)
		return 0;
	for (position = text.data; (path = swap_path_next(&position)) != NULL;) {
		if (swapoff(path) == 0)
			count++;
		else
			(void)log_line(LOG_WARNING, -errno, "power: swap on '%s' stays: %s", path,
				       strerror(errno));
	}
	return count;
}

static bool sysfs_has(const char *device, const char *attribute)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, BLOCK_DIRECTORY "/%s/%s", device, attribute);
	return access(text_string(&path), F_OK) == 0;
}

/* whether another device, such as dm's, stands on it */
static bool has_holders(const char *device)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *entry;

	text_format(&path, BLOCK_DIRECTORY "/%s/holders", device);
	directory = opendir(text_string(&path));
	while (directory && (entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			return true;
	return false;
}

static bool release_loop(const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;

	if (has_holders(name))
		return false;
	text_format(&path, "/dev/%s", name);
	fd = open(text_string(&path), O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fd = open(text_string(&path), O_RDONLY | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_CLR_FD, 0) < 0)
		return false;
	fd_close(&fd);
	return !sysfs_has(name, "loop/backing_file");
}

static bool release_dm(const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(memory_free) char *dm_name = NULL;
	CLEANUP(fd_close) int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	struct dm_ioctl request = {
		.version = { DM_VERSION_MAJOR, 0, 0 },
		.data_size = sizeof(request),
		.data_start = sizeof(request),
	};

	text_format(&path, BLOCK_DIRECTORY "/%s/dm/name", name);
	if (fd < 0 || file_read_line(AT_FDCWD, text_string(&path), &dm_name) < 0 ||
	    strlen(dm_name) >= sizeof(request.name))
		return false;
	memcpy(request.name, dm_name, strlen(dm_name) + 1);
	return ioctl(fd, DM_DEV_REMOVE, &request) == 0;
}

size_t devices_release(void)
{
	CLEANUP(directory_close) DIR *directory = opendir(BLOCK_DIRECTORY);
	const struct dirent *entry;
	size_t count = 0;

	while (directory && (entry = readdir(directory)) != NULL) {
		if (sysfs_has(entry->d_name, "loop/backing_file"))
			count += release_loop(entry->d_name);
		else if (sysfs_has(entry->d_name, "dm/name"))
			count += release_dm(entry->d_name);
	}
	return count;
}
