/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume.c - folders of the root that lie on the disk, so that they last
 *
 * In:    the plan's disk, mounted, or the tmpfs in its place
 * Out:   DISK/mkinitrd/volumes/NAME bound over each, filled at first with what the root has there
 * Not:   copying (volume_copy.c)
 * Facts: a new one is filled under another name and gets its own when all of it is on the disk, so
 *        that a power cut leaves none that is half full: rename(2), syncfs(2)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "api_mounts.h"
#include "lib/file.h"
#include "remove.h"
#include "volume.h"

#define NEW ".new"

/* an empty directory of that name, whatever was there. Return: a descriptor or -errno */
static int make_new(int volumes_fd)
{
	CLEANUP(fd_close) int fd = -1;
	int r;

	if (mkdirat(volumes_fd, NEW, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(volumes_fd, NEW, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = remove_below(fd, NULL, 0);
	return r < 0 ? r : fd_take(&fd);
}

static int fill(int volumes_fd, const char *name, const char *path)
{
	CLEANUP(fd_close) int from = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(fd_close) int to = make_new(volumes_fd);
	int r = to < 0 ? to : 0;

	if (r == 0 && from >= 0)
		r = copy_below(from, to);
	if (r == 0 && (syncfs(to) < 0 || renameat(volumes_fd, NEW, volumes_fd, name) < 0 ||
		       fsync(volumes_fd) < 0))
		r = -errno;
	return r;
}

static int mount_one(const char *folder, int volumes_fd, const char *path, bool *ret_is_new)
{
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	CLEANUP(text_free) struct text source = TEXT_EMPTY;
	struct stat status;
	int r = 0;

	volume_name(path, &name);
	text_format(&source, "%s/%s", folder, text_string(&name));
	if (name.failed || source.failed)
		return -ENOMEM;
	if (name.length == 0 || is_mount_point(path))
		return name.length ? -EBUSY : -EINVAL;
	*ret_is_new = fstatat(volumes_fd, text_string(&name), &status, AT_SYMLINK_NOFOLLOW) < 0;
	if (!*ret_is_new && !S_ISDIR(status.st_mode))
		return -ENOTDIR;
	if (*ret_is_new)
		r = fill(volumes_fd, text_string(&name), path);
	if (r == 0)
		r = directory_make(path, 0755);
	if (r == 0 && mount(text_string(&source), path, NULL, MS_BIND, NULL) < 0)
		r = -errno;
	return r;
}

int volumes_mount(const struct machine *machine, struct step_record *record, struct text *details)
{
	const struct plan_disk *disk = &machine->plan.disk;
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	size_t made = 0;
	int r;

	if (disk->volumes.count == 0)
		return 0;
	text_format(&folder, "%s/" VOLUMES_DIRECTORY, disk->at);
	r = folder.failed ? -ENOMEM : directory_make(text_string(&folder), 0755);
	if (r == 0) {
		fd = open(text_string(&folder), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	if (r < 0)
		return step_details(record, r, "cannot make the folder '%s' for volumes: %s",
				    text_string(&folder), strerror(-r));
	for (size_t i = 0; i < disk->volumes.count; i++) {
		bool is_new = false;

		r = mount_one(text_string(&folder), fd, disk->volumes.items[i], &is_new);
		if (r < 0)
			return step_details(record, r, "the volume '%s' cannot be %s '%s': %s",
					    disk->volumes.items[i],
					    is_new ? "made in" : "mounted from",
					    text_string(&folder), strerror(-r));
		made += is_new;
	}
	text_format(details, " volumes=%zu new=%zu", disk->volumes.count, made);
	return 0;
}
