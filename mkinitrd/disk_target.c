/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_target.c - the disk that is to be written to
 *
 * In:    a path: a whole block device, or a file that is a disk image
 * Out:   its size, whether it is one of ours, a claim on it or who has one, its boot volume
 * Not:   what is on it, for people (disk_show.c)
 * Facts: a block device that is opened with O_EXCL is nobody else's, and not mounted: open(2). QEMU
 *        holds its images by open file description locks: its docs/system/qemu-block-drivers, "Disk
 *        image file locking". A private mount: open_tree(2), mount_setattr(2)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "disk_make.h"
#include "disk_target.h"
#include "disk_use.h"
#include "fail.h"
#include "../init/lib/file.h"

void disk_target_close(struct disk_target *target)
{
	fd_close(&target->partition_fd);
	fd_close(&target->fd);
}

/* ---- looking at it ---- */

static int check_device(struct disk_target *target, const struct stat *status)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int sector_bytes = 0;

	target->is_device = true;
	target->major = major(status->st_rdev);
	target->minor = minor(status->st_rdev);
	text_format(&path, "/sys/dev/block/%u:%u/partition", target->major, target->minor);
	if (access(text_string(&path), F_OK) == 0)
		return fail(0, "'%s' is a partition; a boot loader needs the whole disk",
			    target->path);
	if (ioctl(target->fd, BLKGETSIZE64, &target->bytes) < 0 ||
	    ioctl(target->fd, BLKSSZGET, &sector_bytes) < 0)
		return fail(-errno, "cannot use '%s'", target->path);
	if (sector_bytes != GPT_SECTOR)
		return fail(0, "'%s' has sectors of %d bytes; only those of 512 bytes can be used",
			    target->path, sector_bytes);
	return 0;
}

static int look_inside(struct disk_target *target)
{
	char first[GPT_SECTOR] = "";
	int r;

	if (pread(target->fd, first, sizeof(first), 0) < 0)
		return fail(-errno, "cannot read '%s'", target->path);
	target->is_unfinished =
		memcmp(first + DISK_UNFINISHED_AT, DISK_UNFINISHED, strlen(DISK_UNFINISHED)) == 0;
	r = gpt_read(target->fd, target->bytes / DISK_SECTOR, &target->gpt);
	if (r < 0 && r != -ENODATA && r != -ENOTSUP && r != -EBADMSG)
		return fail(r, "cannot read '%s'", target->path);
	target->has_gpt = r == 0;
	target->is_ours = target->has_gpt && disk_is_ours(&target->gpt) && !target->is_unfinished;
	return 0;
}

int disk_target_open(const char *path, struct disk_target *target)
{
	struct stat status;
	int r = 0;

	target->path = path;
	target->fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (target->fd < 0)
		return fail(-errno, "cannot write to '%s'%s", path,
			    errno == ENOENT ? "; -o makes a new disk image" : "");
	if (fstat(target->fd, &status) < 0)
		return fail(-errno, "cannot use '%s'", path);
	if (S_ISBLK(status.st_mode))
		r = check_device(target, &status);
	else if (S_ISREG(status.st_mode))
		target->bytes = (uint64_t)status.st_size;
	else
		r = fail(0, "'%s' is no disk and no disk image", path);
	return r < 0 ? r : look_inside(target);
}

/* ---- claiming it ---- */

/* whether a loop device stands for the file */
static bool find_loop(const struct stat *file, struct text *ret_name)
{
	CLEANUP(directory_close) DIR *folder = opendir("/sys/block");
	const struct dirent *item;

	while (folder && (item = readdir(folder)) != NULL) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		CLEANUP(memory_free) char *backing = NULL;
		struct stat status;

		text_format(&path, "%s/loop/backing_file", item->d_name);
		if (text_after(item->d_name, "loop") &&
		    file_read_line(dirfd(folder), text_string(&path), &backing) == 0 &&
		    stat(backing, &status) == 0 && status.st_ino == file->st_ino &&
		    status.st_dev == file->st_dev) {
			text_add(ret_name, item->d_name);
			return true;
		}
	}
	return false;
}

static int claim_file(struct disk_target *target)
{
	CLEANUP(text_free) struct text loop = TEXT_EMPTY;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat status;

	if (fstat(target->fd, &status) == 0 && find_loop(&status, &loop))
		return fail(0, "'%s' is in use: /dev/%s stands for it; detach that first",
			    target->path, text_string(&loop));
	if (flock(target->fd, LOCK_EX | LOCK_NB) < 0 || fcntl(target->fd, F_OFD_SETLK, &lock) < 0)
		return fail(0, "'%s' is in use by another program, a virtual machine perhaps",
			    target->path);
	return 0;
}

int disk_target_claim(struct disk_target *target)
{
	CLEANUP(text_free) struct text users = TEXT_EMPTY;
	int fd;

	if (!target->is_device)
		return claim_file(target);
	fd = open(target->path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd >= 0) {
		fd_close(&target->fd);
		target->fd = fd;
		return 0;
	}
	if (errno != EBUSY)
		return fail(-errno, "cannot write to '%s'", target->path);
	disk_use_describe(target->major, target->minor, &users);
	return fail(0, "'%s' is in use: %s; nothing was written", target->path,
		    users.length ? text_string(&users) : "another program or container has it");
}

/* ---- the boot volume of a disk of ours ---- */

static int set_read_only(int fd, bool is_read_only)
{
	CLEANUP(fd_close) int context = fspick(fd, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);

	if (context < 0 ||
	    fsconfig(context, FSCONFIG_SET_FLAG, is_read_only ? "ro" : "rw", NULL, 0) < 0 ||
	    fsconfig(context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
		return -errno;
	return 0;
}

/* through a mount of our own, which nobody sees and which is writable */
static int use_mounted(struct disk_target *target, const char *point, struct volume *volume)
{
	struct mount_attr writable = { .attr_clr = MOUNT_ATTR_RDONLY };
	CLEANUP(fd_close) int fd = open_tree(AT_FDCWD, point, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int r;

	if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &writable, sizeof(writable)) < 0)
		return fail(-errno, "cannot use '%s', which has the boot partition of '%s'", point,
			    target->path);
	volume->directory_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (volume->directory_fd < 0)
		return fail(-errno, "cannot use '%s'", point);
	if (faccessat(volume->directory_fd, ".", W_OK, AT_EACCESS) == 0 || errno != EROFS)
		return 0;
	r = set_read_only(volume->directory_fd, false);
	if (r < 0)
		return fail(r,
			    "the boot partition of '%s' is mounted read-only at '%s'; mount it "
			    "for writing, or unmount it",
			    target->path, point);
	target->was_read_only = true;
	return 0;
}

static int use_unmounted(struct disk_target *target, int fd, uint64_t offset, int64_t mtime,
			 struct volume *volume)
{
	int r = fat_open(fd, offset, disk_partition_bytes(&target->gpt.partitions[DISK_BOOT]),
			 mtime, &volume->fat);

	if (r < 0)
		return fail(r,
			    "the boot partition of '%s' cannot be read; 'fsck.vfat' may mend it, "
			    "--force makes the disk anew, --keep-data all of it but DOCKER",
			    target->path);
	return 0;
}

static int use_device(struct disk_target *target, int64_t mtime, struct volume *volume)
{
	CLEANUP(memory_free) char *name = NULL;
	CLEANUP(memory_free) char *point = NULL;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	unsigned major, minor;
	int r = disk_use_partition(target->major, target->minor, DISK_BOOT + 1, &name, &major,
				   &minor);

	if (r < 0) { /* the kernel has not looked at the table: nobody uses a partition */
		r = disk_target_claim(target);
		return r < 0 ? r
			     : use_unmounted(
				       target, target->fd,
				       disk_partition_offset(&target->gpt.partitions[DISK_BOOT]),
				       mtime, volume);
	}
	if (disk_use_mount_point(major, minor, &point) == 0)
		return use_mounted(target, point, volume);
	text_format(&path, "/dev/%s", name);
	target->partition_fd = open(text_string(&path), O_RDWR | O_EXCL | O_CLOEXEC);
	if (target->partition_fd < 0)
		return fail(-errno, "cannot use '%s', the boot partition of '%s'",
			    text_string(&path), target->path);
	return use_unmounted(target, target->partition_fd, 0, mtime, volume);
}

int disk_target_volume(struct disk_target *target, int64_t mtime, struct volume *volume)
{
	int r;

	if (target->is_device)
		return use_device(target, mtime, volume);
	r = claim_file(target);
	return r < 0 ? r
		     : use_unmounted(target, target->fd,
				     disk_partition_offset(&target->gpt.partitions[DISK_BOOT]),
				     mtime, volume);
}

void disk_target_release(struct disk_target *target, const struct volume *volume)
{
	int r = target->was_read_only ? set_read_only(volume->directory_fd, true) : 0;

	if (r < 0)
		warn("the boot partition of '%s' stays mounted for writing: %s", target->path,
		     strerror(-r));
}

void disk_target_reread(const struct disk_target *target)
{
	if (target->is_device && ioctl(target->fd, BLKRRPART) < 0)
		warn("the kernel does not take the new partitions of '%s' (%s); it does after a "
		     "restart",
		     target->path, strerror(errno));
}
