/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root_cow.c - where changes of a root go that is only read
 *
 * In:    what is read, mounted; the request's cow
 * Out:   an overlay of both; or what is read, as it is
 * Not:   what the words mean (lib/cow.h)
 * Facts: kernel Documentation/filesystems/overlayfs.rst: upper and work are on one file system; a
 *        layer over another lower tree than the one it was made for gives undefined results; a work
 *        directory that cannot be emptied makes the mount read-only. One device is mounted
 *        read-only or for writing, not both ways: mount(2), EBUSY
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "disk_mount.h"
#include "lib/file.h"
#include "api_mounts.h"
#include "remove.h"
#include "root_mount.h"

#define TMPFS_SIZE "50%"
#define IDENTITY_FILE "image"
#define IDENTITY_BYTES 4096

static const char *tmpfs_size(const struct root *root)
{
	const struct bootplan *plan = &root->machine->plan;

	if (root->request->cow.size)
		return root->request->cow.size;
	for (size_t i = 0; i < plan->tmpfs_count; i++)
		if (plan->tmpfses[i].at && plan->tmpfses[i].size &&
		    text_equal(plan->tmpfses[i].at, "/"))
			return plan->tmpfses[i].size;
	return TMPFS_SIZE;
}

static int mount_tmpfs(struct root *root)
{
	CLEANUP(text_free) struct text options = TEXT_EMPTY;
	int r = directory_make(ROOT_COW, 0700);

	text_format(&options, "mode=0700,size=%s", tmpfs_size(root));
	if (r == 0 && mount("tmpfs", ROOT_COW, "tmpfs", 0, text_string(&options)) < 0)
		r = -errno;
	if (r < 0)
		return step_details(root->record, r, "cannot mount a tmpfs of size %s at '%s': %s",
				    tmpfs_size(root), ROOT_COW, strerror(-r));
	text_format(&root->details, " cow=tmpfs:%s", tmpfs_size(root));
	return 0;
}

/* what is read lies on the same device: it becomes writable, but not where that is mounted */
static int mount_boot_again(void)
{
	if (mount(NULL, ROOT_BOOT, NULL, MS_REMOUNT, NULL) < 0 ||
	    mount(ROOT_BOOT, ROOT_COW, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, ROOT_BOOT, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		return -errno;
	return 0;
}

static int mount_disk(struct root *root)
{
	const struct cow *cow = &root->request->cow;
	CLEANUP(block_free) struct block_device device = { 0 };
	const char *type;
	int r = root_find(root, cow->find, true, &device);

	if (r == 0 && (r = directory_make(ROOT_COW, 0700)) < 0)
		return step_details(root->record, r, "cannot make '%s': %s", ROOT_COW,
				    strerror(-r));
	if (r < 0)
		return r;
	if (!device.type || text_equal(device.type, "swap"))
		return step_details(root->record, -EINVAL,
				    "%s holds nothing that can take a writable layer (ext4, ext3, "
				    "xfs, btrfs); it is untouched; take another: mkinitrd.cow=",
				    device.path);
	if (is_mount_point(ROOT_BOOT) && root->boot.path &&
	    text_equal(root->boot.path, device.path))
		r = mount_boot_again();
	else
		r = disk_mount(root->machine, &device, ROOT_COW, &type);
	if (r < 0)
		return step_details(root->record, r,
				    "%s (%s, label '%s') cannot be mounted: %s (%s); the disk is "
				    "untouched; look: dmesg; boot with changes in memory: "
				    "mkinitrd.cow=tmpfs",
				    device.path, device.type, device.label ? device.label : "",
				    mount_error(r), strerrorname_np(-r));
	memory_free(&root->machine->cow_path);
	root->machine->cow_path = strdup(device.path);
	text_format(&root->details, " cow=%s:%s", cow->find, cow->directory);
	return 0;
}

/* whole or not at all: a power cut must not leave half of it */
static int identity_write(int directory_fd, const char *identity)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	CLEANUP(fd_close)
	int fd = openat(directory_fd, IDENTITY_FILE ".new",
			O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	text_format(&line, "%s\n", identity);
	r = file_write_fd(fd, text_string(&line), line.length);
	if (r == 0 &&
	    (fsync(fd) < 0 ||
	     renameat(directory_fd, IDENTITY_FILE ".new", directory_fd, IDENTITY_FILE) < 0 ||
	     fsync(directory_fd) < 0))
		r = -errno;
	return r;
}

/* Is what @directory_fd holds for this image? */
static int check_identity(struct root *root, int directory_fd, const char *where)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	const char *wanted = root->identity[0] ? root->identity : "unknown";
	int r = file_read(directory_fd, IDENTITY_FILE, IDENTITY_BYTES, &text);

	if (r == -ENOENT && faccessat(directory_fd, "upper", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		r = identity_write(directory_fd, wanted);
	else if (r == 0 || r == -ENOENT || r == -EFBIG) {
		if (text.data)
			text.data[strcspn(text.data, "\n")] = '\0';
		if (r == 0 && text_equal(text_string(&text), wanted))
			return 0;
		return step_details(
			root->record, -ESTALE,
			"the writable layer in '%s' was made for another image (%.40s, and this is "
			"%.40s); it is untouched; boot the image that it was made for, take "
			"another directory: mkinitrd.cow=%s:DIRECTORY, or boot with changes in "
			"memory: mkinitrd.cow=tmpfs",
			where, r == 0 ? text_string(&text) : "unknown", wanted,
			root->request->cow.find);
	}
	if (r < 0)
		return step_details(root->record, r, "'%s/%s' on %s: %s",
				    root->request->cow.directory, IDENTITY_FILE,
				    root->request->cow.find, strerror(-r));
	return 0;
}

/* @path below ROOT_COW, made where it is missing; a link on the disk does not lead out of it.
 * Return: a descriptor or a negative errno */
static int open_layer(const char *path)
{
	CLEANUP(fd_close) int fd = open(ROOT_COW, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(memory_free) char *copy = strdup(path);
	char *rest = NULL;

	if (fd < 0 || !copy)
		return copy ? -errno : -ENOMEM;
	for (char *name = strtok_r(copy, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
		int next;

		if (mkdirat(fd, name, 0700) < 0 && errno != EEXIST)
			return -errno;
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		(void)close(fd);
		fd = next;
	}
	return fd_take(&fd);
}

/* owner and mode of upper are those of "/" then. Return: 0 or a negative errno */
static int make_upper(const struct root *root, int directory_fd)
{
	struct stat status;

	if (mkdirat(directory_fd, "upper", 0755) < 0) {
		if (errno != EEXIST ||
		    fstatat(directory_fd, "upper", &status, AT_SYMLINK_NOFOLLOW) < 0)
			return -errno;
		return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
	}
	if (stat(root->lower, &status) < 0 ||
	    fchownat(directory_fd, "upper", status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) <
		    0 ||
	    fchmodat(directory_fd, "upper", status.st_mode & 07777, 0) < 0)
		return -errno;
	return 0;
}

/* upper and work below @where. What a crash left in work is of no use to anybody. */
static int prepare(struct root *root, const char *where)
{
	CLEANUP(fd_close) int directory = -1;
	CLEANUP(fd_close) int work = -1;
	const struct cow *cow = &root->request->cow;
	int r = 0;

	directory = open_layer(cow->kind == COW_DISK ? cow->directory : "");
	if (directory < 0)
		return step_details(root->record, directory, "cannot make '%s' on %s: %s", where,
				    cow->find ? cow->find : "tmpfs", strerror(-directory));
	if (cow->kind == COW_DISK) {
		r = check_identity(root, directory, where);
		if (r < 0)
			return r;
	}
	r = make_upper(root, directory);
	if (r == 0 && mkdirat(directory, "work", 0700) < 0 && errno != EEXIST)
		r = -errno;
	work = openat(directory, "work", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r == 0 && work < 0)
		r = -errno;
	if (r == 0)
		(void)remove_below(work, NULL, 0);
	return r < 0 ? step_details(root->record, r, "cannot make 'upper' and 'work' in '%s': %s",
				    where, strerror(-r))
		     : 0;
}

/* @where: upper and work; NULL: nothing can be written */
static int mount_overlay(struct root *root, const char *where, const char *at)
{
	CLEANUP(text_free) struct text options = TEXT_EMPTY;
	int r;

	text_format(&options, "lowerdir=%s%s%s%s%s", root->places ? root->places : "",
		    root->places ? ":" : "", root->layer ? root->layer : "", root->layer ? ":" : "",
		    root->lower);
	if (where)
		text_format(&options, ",upperdir=%s/upper,workdir=%s/work", where, where);
	root_need(root->machine, "overlay", "overlay");
	if (mount("overlay", at, "overlay", where ? 0 : MS_RDONLY, text_string(&options)) == 0)
		return 0;
	r = -errno;
	return step_details(root->record, r, "cannot put a %s layer over the root: %s (%s); %s",
			    where ? "writable" : "second", strerror(-r), strerrorname_np(-r),
			    r == -ENODEV ? "add overlay to the profile" : "look: dmesg");
}

/* Init is seen at its own place in the root where it runs main there: links for power-off lead to
 * it. A root that is only read gets that place from a layer. */
static int make_places(struct root *root)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r;

	text_format(&path, "%s/init", root->lower);
	if (!root->machine->plan.has_main || root->request->is_writable ||
	    access(text_string(&path), F_OK) == 0)
		return 0;
	r = directory_make(ROOT_COW, 0700);
	if (r == 0 && mount("tmpfs", ROOT_COW, "tmpfs", MS_NODEV, "mode=0755,size=64k") < 0)
		r = -errno;
	if (r == 0)
		r = file_write(AT_FDCWD, ROOT_COW "/init", "", 0755);
	if (r < 0)
		return step_details(root->record, r, "cannot make a place for init in '%s': %s",
				    ROOT_COW, strerror(-r));
	root->places = ROOT_COW;
	return 0;
}

static int mount_read_only(struct root *root, const char *at)
{
	int r = make_places(root);

	text_format(&root->details, " cow=none%s", root->request->is_writable ? " rw" : "");
	if (r < 0)
		return r;
	if (root->layer || root->places)
		return mount_overlay(root, NULL, at);
	if (mount(root->lower, at, NULL, MS_MOVE, NULL) == 0)
		return 0;
	/* below a shared mount, as systemd makes them, nothing moves: mount(2) */
	if (errno == EINVAL && mount(root->lower, at, NULL, MS_BIND, NULL) == 0 &&
	    umount2(root->lower, MNT_DETACH) == 0)
		return 0;
	return step_details(root->record, -errno, "cannot move '%s' to '%s': %s", root->lower, at,
			    strerror(errno));
}

int root_cow_mount(struct root *root, const char *at)
{
	const struct cow *cow = &root->request->cow;
	CLEANUP(text_free) struct text where = TEXT_EMPTY;
	int r = directory_make(at, 0755);

	if (r < 0)
		return step_details(root->record, r, "cannot make '%s': %s", at, strerror(-r));
	if (cow->kind == COW_NONE)
		return mount_read_only(root, at);
	if (!root->identity[0] && root->boot.uuid)
		(void)snprintf(root->identity, sizeof(root->identity), "uuid:%.64s",
			       root->boot.uuid);
	text_add(&where, ROOT_COW);
	if (cow->kind == COW_DISK)
		text_format(&where, "/%s", cow->directory);
	r = cow->kind == COW_DISK ? mount_disk(root) : mount_tmpfs(root);
	if (r == 0)
		r = prepare(root, text_string(&where));
	return r < 0 ? r : mount_overlay(root, text_string(&where), at);
}
