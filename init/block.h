/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block.h - block devices and the file systems on them
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/text.h"

/* strings are NULL when there is none */
struct block_device {
	char *name; /* as in /sys/class/block */
	char *path; /* in /dev */
	char *type, *label, *uuid;
	char *part_label, *part_uuid;
	char *serial; /* of a virtio disk; "SERIAL-part1" for a partition of it */
	bool is_partition;
	bool is_ambivalent; /* signatures of several file systems: none is believed */
	int error;          /* negative errno when it could not be read */
};

struct block_devices {
	struct block_device *items;
	size_t count;
};

#define BLOCK_DEVICES_EMPTY ((struct block_devices){ 0 })

/* what is looked for besides ext2, ext3, ext4, xfs, btrfs and swap */
enum {
	BLOCK_PARTITION = 1, /* the partition's own label and UUID */
	BLOCK_ROOT = 2,      /* file systems that a root, or an image of one, can lie on: vfat,
			      * iso9660, squashfs */
};

/**
 * block_probe() - read what is on the device at @path
 * @more: BLOCK_..., 0 for none
 *
 * Reads only. Return: 0, with device->error set when it could not be read; -ENOMEM;
 * -ENOENT, -ENOTBLK: there is no such device. @device is to be freed in any case.
 */
int block_probe(struct block_device *device, const char *path, unsigned more);
void block_free(struct block_device *device);

/** block_scan() - probe all disks and partitions, in natural order of their names.
 * Return: 0 or a negative errno; @devices is to be freed in any case */
int block_scan(struct block_devices *devices, unsigned more);
void block_devices_free(struct block_devices *devices);

/**
 * block_identify() - whatever libblkid knows of is looked for, also partition tables and at the end
 * @ret_what: "LVM2_member", "gpt partition table", "several signatures"; stays NULL when there is
 *            nothing that it knows; the caller frees it
 *
 * Dear (docs/boot.md section 8): for a disk that cannot be used, or is to be used for the first
 * time. Return: 0 or a negative errno
 */
int block_identify(int fd, char **ret_what);

/** block_describe() - "vda ext4 LABEL=data, vdb no known file system"; "no disks" when none */
void block_describe(const struct block_devices *devices, struct text *text);
