/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_mount.c - a file system that was found is mounted, or left exactly as it is
 *
 * In:    a device with its type, where to mount it
 * Out:   the mount
 * Not:   finding it (disk.c), what an errno means to people (disk.c)
 * Facts: ext4 notes an error in its superblock whenever the *device* can be written, also in a
 *        mount that fails and one with MS_RDONLY (fs/ext4/super.c, ext4_handle_error). A journal
 *        that must be replayed on a read-only device is -EROFS.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "disk_mount.h"
#include "lib/file.h"

const char *mount_error(int error)
{
	static const struct {
		int error;
		const char *text;
	} rows[] = {
		{ EINVAL, "the file system is damaged, or made by a newer system" },
		{ EUCLEAN, "the file system is damaged" },
		{ EBADMSG, "the file system is damaged" },
		{ ENODEV,
		  "the image and this kernel have no driver for it; add one to the profile" },
		{ ENOENT, "a module that it needs is missing, for its checksums perhaps" },
		{ EACCES, "the device is read-only" },
		{ EROFS, "the device is read-only" },
		{ EBUSY, "it is in use" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].error == -error)
			return rows[i].text;
	return strerror(-error);
}

/* Would it mount? Asked with the device itself set read-only. Return: 0 when nothing speaks
 * against it, or the negative errno */
static int ext_try(const char *path, const char *type, const char *at)
{
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	int was_read_only = 0, on = 1, off = 0, r = 0;

	if (fd < 0 || ioctl(fd, BLKROGET, &was_read_only) < 0 || was_read_only ||
	    ioctl(fd, BLKROSET, &on) < 0)
		return 0; /* the mount itself will say it */
	if (mount(path, at, type, MS_RDONLY | MS_NOATIME, NULL) < 0 || umount(at) < 0)
		r = -errno;
	if (ioctl(fd, BLKROSET, &off) < 0 && r == 0)
		r = -errno;
	return r == -EROFS ? 0 : r;
}

static int mount_as(const struct machine *machine, const char *path, const char *type,
		    const char *at)
{
	CLEANUP(text_free) struct text alias = TEXT_EMPTY;
	int r = 0;

	text_format(&alias, "fs-%s", type);
	(void)modules_load_alias(machine, text_string(&alias));
	if (text_after(type, "ext"))
		r = ext_try(path, type, at);
	if (r == 0 && mount(path, at, type, MS_NOATIME, NULL) < 0)
		r = -errno;
	return r;
}

int disk_mount(const struct machine *machine, const struct block_device *device, const char *at,
	       const char **ret_type)
{
	bool is_ext = text_after(device->type, "ext") != NULL;
	int r = directory_make(at, 0711);

	if (r < 0)
		return r;
	*ret_type = device->type;
	r = mount_as(machine, device->path, device->type, at);
	/* a kernel where ext4 does not stand in for the older two takes them by its own name */
	if (r != -ENODEV || !is_ext || text_equal(device->type, "ext4"))
		return r;
	*ret_type = "ext4";
	return mount_as(machine, device->path, "ext4", at);
}
