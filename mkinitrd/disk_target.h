/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_target.h - the disk that `mkinitrd disk --into` is to write to
 */
#pragma once

#include "disk_layout.h"
#include "volume.h"

struct disk_target {
	const char *path;
	int fd;
	uint64_t bytes;
	bool is_device;
	unsigned major, minor; /* of a device */
	bool has_gpt;
	struct gpt gpt;
	bool is_ours;       /* made by us, and finished */
	bool is_unfinished; /* begun by us */
	/* of the boot volume, as long as it is used */
	int partition_fd;
	bool was_read_only; /* mounted so, and to be so again */
};

#define DISK_TARGET_NONE ((struct disk_target){ .fd = -1, .partition_fd = -1 })

/** disk_target_open() - look at it; nothing is claimed; speaks */
int disk_target_open(const char *path, struct disk_target *target);
void disk_target_close(struct disk_target *target);

/** disk_target_claim() - nobody else uses it and nobody will, or who does is said; speaks */
int disk_target_claim(struct disk_target *target);

/** disk_target_volume() - the boot file system of a disk of ours, through its mount point when it
 * is mounted, else claimed by us; speaks. To be closed before the target */
int disk_target_volume(struct disk_target *target, int64_t mtime, struct volume *volume);

/** disk_target_release() - as it was mounted before; before the volume is closed */
void disk_target_release(struct disk_target *target, const struct volume *volume);

/** disk_target_show() - what is on it, a line each */
void disk_target_show(const struct disk_target *target);

/** disk_target_docker() - the partition DOCKER that is to be kept; speaks when there is not one */
int disk_target_docker(const struct disk_target *target, const struct gpt_partition **ret_docker);

/** disk_target_reread() - let the kernel know of the new table; a failure is a warning */
void disk_target_reread(const struct disk_target *target);
