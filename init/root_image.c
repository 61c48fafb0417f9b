/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root_image.c - file system images: SquashFS, or another that the kernel reads
 *
 * In:    an open file or a device (untrusted)
 * Out:   its file system, read-only, through a loop device and the plan's hash tree
 * Not:   where the file lies (root_mount.c)
 * Facts: the kernel refuses every SquashFS that it cannot read with EINVAL, and an ext4 with a
 *        journal to replay on a read-only device with EROFS: fs/squashfs/super.c, fs/ext4/super.c
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "disk_mount.h"
#include "lib/file.h"
#include "lib/squashfs_header.h"
#include "loop.h"
#include "root_mount.h"
#include "verity.h"

#define IDENTITY_BYTES (64u << 20)

/* an image that is to be mounted */
struct image {
	struct root *root;
	const char *name, *at;
	int fd;
	uint64_t held; /* bytes of the file or device */
	struct squashfs_header header;
	bool is_squashfs;
};

int root_image_open(struct root *root, const char *at, const char *path)
{
	CLEANUP(fd_close) int directory = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	const char *device = root->boot.path ? root->boot.path : "this image";
	struct stat status;
	int fd;

	if (directory < 0)
		return step_details(root->record, -errno, "cannot open '%s': %s", at,
				    strerror(errno));
	fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
	if (fd < 0)
		return step_details(root->record, -errno,
				    "no image '%s' on %s%s%s: %s; name another: mkinitrd.image=",
				    path, device, root->boot.label ? ", label " : "",
				    root->boot.label ? root->boot.label : "", strerror(errno));
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
		(void)close(fd);
		return step_details(root->record, -EINVAL,
				    "'%s' on %s is no file; name another: mkinitrd.image=", path,
				    device);
	}
	return fd;
}

static int look(struct image *image)
{
	unsigned char bytes[SQUASHFS_HEADER_BYTES];
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	struct stat status;
	ssize_t count = pread(image->fd, bytes, sizeof(bytes), 0);

	if (count < 0 || fstat(image->fd, &status) < 0 ||
	    (S_ISBLK(status.st_mode) && ioctl(image->fd, BLKGETSIZE64, &image->held) < 0))
		return step_details(image->root->record, -errno, "'%s' cannot be read: %s",
				    image->name, strerror(errno));
	/* a loop device has whole sectors only */
	if (S_ISREG(status.st_mode))
		image->held = (uint64_t)status.st_size / 512 * 512;
	image->is_squashfs = squashfs_header_parse(bytes, (size_t)count, &image->header) == 0;
	if (image->is_squashfs && squashfs_header_problem(&image->header, image->held, &why))
		return step_details(image->root->record, -EINVAL, "'%s' cannot be the root: %s",
				    image->name, text_string(&why));
	if (S_ISREG(status.st_mode))
		text_format(&image->root->details, " %s=%s",
			    text_equal(image->at, ROOT_INNER) ? "inner" : "image", image->name);
	return 0;
}

static int mount_failed(struct image *image, const char *type, int error)
{
	struct step_record *record = image->root->record;
	char buffer[16];

	if (text_equal(type, "squashfs") && error == -EINVAL)
		return step_details(record, error,
				    "'%s' cannot be mounted: it is compressed with %s, which this "
				    "kernel does not read, or damaged; look: dmesg; make it again "
				    "with another compression, such as gzip",
				    image->name,
				    squashfs_compressor(image->header.compressor, buffer));
	if (image->root->request->verity && (error == -EIO || error == -EINVAL))
		return step_details(record, error,
				    "'%s' cannot be mounted: it does not match the root hash of "
				    "the boot plan, it is damaged or another one; copy it again",
				    image->name);
	return step_details(record, error, "'%s' (%s) cannot be mounted: %s (%s); look: dmesg",
			    image->name, type, mount_error(error), strerrorname_np(-error));
}

/* @path is a device that nobody writes to */
static int mount_at(struct image *image, const char *path, const char *type)
{
	const char *flags = text_after(type, "ext") ? "noload" : NULL;
	int r = directory_make(image->at, 0700);

	if (r < 0)
		return step_details(image->root->record, r, "cannot make '%s': %s", image->at,
				    strerror(-r));
	root_need(image->root->machine, type, NULL);
	if (mount(path, image->at, type, MS_RDONLY, flags) == 0)
		return 0;
	return mount_failed(image, type, -errno);
}

static int mount_known(struct image *image, const char *path)
{
	CLEANUP(block_free) struct block_device device = { 0 };
	int r;

	if (image->is_squashfs)
		return mount_at(image, path, "squashfs");
	r = block_probe(&device, path, BLOCK_ROOT);
	if (r < 0 || !device.type || text_equal(device.type, "swap"))
		return step_details(image->root->record, r < 0 ? r : -EINVAL,
				    "'%s' is no file system image (squashfs, ext4, xfs, btrfs, "
				    "vfat, iso9660); name another: mkinitrd.image=",
				    image->name);
	if (device.uuid && !image->root->identity[0])
		(void)snprintf(image->root->identity, sizeof(image->root->identity), "uuid:%.64s",
			       device.uuid);
	return mount_at(image, path, device.type);
}

static int open_verity(struct image *image, const char *path, char **ret_path)
{
	const struct plan_verity *verity = image->root->request->verity;
	struct machine *machine = image->root->machine;
	CLEANUP(text_free) struct text alias = TEXT_EMPTY;
	int r;

	text_format(&alias, "crypto-%s", verity->algorithm ? verity->algorithm : "sha256");
	(void)modules_load_alias(machine, text_string(&alias));
	root_need(machine, NULL, "dm_mod");
	root_need(machine, NULL, "dm_verity");
	r = verity_open(verity, path, ret_path);
	if (r < 0)
		return step_details(
			image->root->record, r, "'%s' cannot be checked (dm-verity): %s",
			image->name,
			r == -EINVAL ? "its hash tree is cut off, or the kernel lacks dm-verity or "
				       "the hash algorithm; look: dmesg; copy it again"
			: r == -ENOENT || r == -ENODEV
				? "the kernel has no device mapper; add dm-verity to the profile"
				: strerror(-r));
	(void)snprintf(image->root->identity, sizeof(image->root->identity), "verity:%.80s",
		       verity->root_hash);
	text_format(&image->root->details, " verity=%.16s", verity->root_hash);
	return 0;
}

/* 64 bits of FNV-1a over header and metadata, where each block's size stands: two builds with other
 * content differ in it. It tells one image from another, and is no protection. */
static int identify(struct image *image)
{
	uint64_t at = image->header.inode_table, end = image->header.size;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	unsigned char buffer[64 << 10];
	ssize_t count = pread(image->fd, buffer, SQUASHFS_HEADER_BYTES, 0);

	if (end - at > IDENTITY_BYTES)
		end = at + IDENTITY_BYTES;
	while (count > 0) {
		for (ssize_t i = 0; i < count; i++)
			hash = (hash ^ buffer[i]) * UINT64_C(0x100000001b3);
		if (at >= end)
			break;
		count = pread(image->fd, buffer,
			      end - at < sizeof(buffer) ? (size_t)(end - at) : sizeof(buffer),
			      (off_t)at);
		at += count > 0 ? (uint64_t)count : 0;
	}
	if (count <= 0)
		return step_details(image->root->record, count < 0 ? -errno : -EIO,
				    "'%s' cannot be read to its end", image->name);
	(void)snprintf(image->root->identity, sizeof(image->root->identity), "squashfs:%016llx",
		       (unsigned long long)hash);
	return 0;
}

static int mount_image(struct image *image, const char *device, bool with_verity)
{
	CLEANUP(loop_close) struct loop loop = LOOP_EMPTY;
	CLEANUP(memory_free) char *checked = NULL;
	int r = look(image);

	if (r == 0 && image->is_squashfs && !image->root->identity[0] &&
	    image->root->request->cow.kind == COW_DISK)
		r = identify(image);
	if (r < 0)
		return r;
	if (!device) {
		root_need(image->root->machine, NULL, "loop");
		r = loop_attach(image->fd, image->name, &loop);
		if (r < 0)
			return step_details(image->root->record, r,
					    "'%s' cannot become a device: %s", image->name,
					    r == -ENOENT || r == -ENODEV || r == -ENXIO
						    ? "the kernel has no loop driver; add loop to "
						      "the profile"
						    : strerror(-r));
		device = loop.path;
	}
	if (with_verity && image->root->request->verity) {
		r = open_verity(image, device, &checked);
		if (r < 0)
			return r;
		device = checked;
	}
	return mount_known(image, device);
}

int root_image_mount(struct root *root, int fd, const char *device, const char *name,
		     const char *at, bool with_verity)
{
	struct image image = { .root = root, .name = name, .at = at, .fd = fd };
	CLEANUP(fd_close) int device_fd = -1;

	if (device) {
		image.fd = device_fd = open(device, O_RDONLY | O_CLOEXEC);
		if (device_fd < 0)
			return step_details(root->record, -errno, "%s cannot be opened: %s", device,
					    strerror(errno));
	}
	return mount_image(&image, device, with_verity);
}
