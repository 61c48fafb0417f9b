/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_grow.c - a mounted file system takes all of its device
 *
 * In:    what is mounted where
 * Out:   the same file system, larger, by requests to the kernel
 * Not:   partitions: one stays as large as it is
 * Facts: EXT4_IOC_RESIZE_FS takes the number of blocks wanted: Documentation/admin-guide/ext4.rst.
 *        XFS's requests and structures: ioctl_xfs_fsgrowfs(2) and ioctl_xfs_fsgeometry(2) of
 *        xfsprogs. BTRFS_IOC_RESIZE: linux/btrfs.h and btrfs-filesystem(8)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>

#include "disk_grow.h"
#include "log.h"

#define EXT4_RESIZE _IOW('f', 16, uint64_t)

struct xfs_geometry {
	uint32_t block_bytes, realtime_extent_blocks, group_blocks, group_count, log_blocks,
		sector_bytes, inode_bytes, most_inode_percent;
	uint64_t data_blocks, realtime_blocks, realtime_extents, log_start;
	uint8_t uuid[16];
	uint32_t stripe_unit, stripe_width;
	int32_t version;
	uint32_t flags, log_sector_bytes, realtime_sector_bytes, directory_block_bytes;
};

struct xfs_growth {
	uint64_t blocks;
	uint32_t most_inode_percent;
};

#define XFS_GEOMETRY _IOR('X', 100, struct xfs_geometry)
#define XFS_GROW _IOW('X', 110, struct xfs_growth)
#define XFS_LEAST_GROUP_BLOCKS 64 /* less than such a group is not worth a request */

/* Each: @fd is of the mount point. Return: 0, also when there was nothing to do */

static int ext_grow(int fd, uint64_t device_bytes)
{
	struct statfs status;
	uint64_t blocks;

	if (fstatfs(fd, &status) < 0)
		return -errno;
	blocks = device_bytes / (uint64_t)status.f_bsize;
	return ioctl(fd, EXT4_RESIZE, &blocks) < 0 ? -errno : 0;
}

static int xfs_grow(int fd, uint64_t device_bytes)
{
	struct xfs_geometry geometry;
	struct xfs_growth growth = { 0 };

	if (ioctl(fd, XFS_GEOMETRY, &geometry) < 0)
		return -errno;
	growth.blocks = device_bytes / geometry.block_bytes;
	growth.most_inode_percent = geometry.most_inode_percent;
	if (growth.blocks < geometry.data_blocks + XFS_LEAST_GROUP_BLOCKS)
		return 0;
	return ioctl(fd, XFS_GROW, &growth) < 0 ? -errno : 0;
}

static int btrfs_grow(int fd, uint64_t device_bytes)
{
	struct btrfs_ioctl_dev_info_args device = { .devid = 1 };
	struct btrfs_ioctl_vol_args wanted = { .name = "1:max" };

	if (ioctl(fd, BTRFS_IOC_DEV_INFO, &device) < 0)
		return -errno;
	if (device_bytes < device.total_bytes + (1 << 20))
		return 0;
	return ioctl(fd, BTRFS_IOC_RESIZE, &wanted) < 0 ? -errno : 0;
}

static uint64_t bytes_of(int fd)
{
	struct statfs status;

	return fstatfs(fd, &status) < 0 ? 0 : status.f_blocks * (uint64_t)status.f_bsize;
}

static int grow(const struct block_device *device, const char *type, const char *at,
		struct text *details)
{
	static const struct {
		const char *type;
		int (*function)(int fd, uint64_t device_bytes);
	} rows[] = {
		{ "ext3", ext_grow },
		{ "ext4", ext_grow },
		{ "xfs", xfs_grow },
		{ "btrfs", btrfs_grow },
	};
	CLEANUP(fd_close) int device_fd = open(device->path, O_RDONLY | O_CLOEXEC);
	CLEANUP(fd_close) int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t size, before, after;
	int r = -EOPNOTSUPP;

	if (device_fd < 0 || fd < 0 || ioctl(device_fd, BLKGETSIZE64, &size) < 0)
		return -errno;
	before = bytes_of(fd);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (text_equal(rows[i].type, type))
			r = rows[i].function(fd, size);
	after = bytes_of(fd);
	if (r == 0 && after != before)
		text_format(details, " grown=%llu..%llu", (unsigned long long)before,
			    (unsigned long long)after);
	return r;
}

void disk_grow(const struct block_device *device, const char *type, const char *at,
	       struct text *details)
{
	int r = grow(device, type, at, details);

	if (r < 0)
		(void)log_line(LOG_WARNING, r,
			       "disk: %s (%s) does not grow to the size of its device: %s; going "
			       "on with what it has",
			       device->path, type, strerror(-r));
}
