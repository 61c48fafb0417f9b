/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_partition.c - a partition takes what its disk has behind it
 *
 * In:    a partition; its disk's table
 * Out:   the table with the backup at the end of the disk and a larger partition, and a kernel that
 *        knows of it
 * Not:   the file system in it (disk_grow.c)
 * Facts: linux/blkpg.h: BLKPG_RESIZE_PARTITION takes bytes, on a descriptor of the whole disk.
 *        /sys/class/block/NAME leads into the disk's own directory (Documentation/ABI/stable/
 *        sysfs-block)
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "disk_partition.h"
#include "lib/file.h"
#include "lib/gpt.h"
#include "lib/number.h"
#include "log.h"

/* 1 to 128 for a partition, 0 for a whole disk or what is no disk */
static uint64_t partition_number(const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(memory_free) char *line = NULL;
	uint64_t number = 0;

	text_format(&path, "/sys/class/block/%s/partition", name);
	if (file_read_line(AT_FDCWD, text_string(&path), &line) < 0 ||
	    number_parse(line, &number) < 0 || number > GPT_PARTITIONS)
		return 0;
	return number;
}

/* the device of the disk that the partition @name is on; -ENODEV when it has none */
static int open_disk(const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	char target[PATH_MAX];
	ssize_t length;
	char *slash;
	int fd;

	/* "../../devices/.../block/vda/vda1" */
	text_format(&path, "/sys/class/block/%s", name);
	length = readlink(text_string(&path), target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = '\0';
	slash = strrchr(target, '/');
	if (!slash)
		return -ENODEV;
	*slash = '\0';
	text_clear(&path);
	text_format(&path, "/dev/%s", base_name(target));
	fd = open(text_string(&path), O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* bytes */
static uint64_t size_of(const struct gpt_partition *partition)
{
	return (partition->last - partition->first + 1) * GPT_SECTOR;
}

static int tell_kernel(int fd, uint64_t number, const struct gpt_partition *partition)
{
	struct blkpg_partition changed = {
		.start = (long long)(partition->first * GPT_SECTOR),
		.length = (long long)size_of(partition),
		.pno = (int)number,
	};
	struct blkpg_ioctl_arg argument = { .op = BLKPG_RESIZE_PARTITION,
					    .datalen = (int)sizeof(changed),
					    .data = &changed };

	return ioctl(fd, BLKPG, &argument) < 0 ? -errno : 0;
}

static int grow(const char *name, uint64_t number, struct text *details)
{
	CLEANUP(fd_close) int fd = open_disk(name);
	struct gpt_partition *partition;
	struct gpt gpt;
	int sector_bytes = 0, r;
	uint64_t bytes, before, after;

	if (fd < 0)
		return fd;
	if (ioctl(fd, BLKGETSIZE64, &bytes) < 0 || ioctl(fd, BLKSSZGET, &sector_bytes) < 0)
		return -errno;
	if (sector_bytes != GPT_SECTOR)
		return 0;
	r = gpt_read(fd, bytes / GPT_SECTOR, &gpt);
	if (r == -ENODATA || r == -ENOTSUP)
		return 0; /* not one of ours */
	if (r < 0)
		return r;
	partition = &gpt.partitions[number - 1];
	before = size_of(partition);
	if (!gpt_grow(&gpt, number - 1, bytes / GPT_SECTOR))
		return 0;
	r = gpt_write(fd, &gpt);
	if (r == 0)
		r = tell_kernel(fd, number, partition);
	after = size_of(partition);
	if (r == 0)
		text_format(details, " partition=%llu..%llu", (unsigned long long)before,
			    (unsigned long long)after);
	return r;
}

void disk_partition_grow(const struct block_device *device, struct text *details)
{
	uint64_t number = partition_number(device->name);
	int r = number ? grow(device->name, number, details) : 0;

	if (r < 0)
		(void)log_line(LOG_WARNING, r,
			       "disk: partition %s does not grow to the end of its disk: %s; going "
			       "on with what it has",
			       device->path, strerror(-r));
}
