/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_use.h - who uses a block device, by what the kernel tells
 */
#pragma once

#include "../init/lib/text.h"

/** disk_use_describe() - "/dev/vda2 mounted at '/boot', swap on /dev/vda5, /dev/dm-0 on top"; stays
 * empty when nobody is seen (another mount namespace, or none at all) */
void disk_use_describe(unsigned major, unsigned minor, struct text *text);

/** disk_use_partition() - name and numbers of a disk's partition @number. Return: 0 or -ENOENT */
int disk_use_partition(unsigned major, unsigned minor, unsigned number, char **ret_name,
		       unsigned *ret_major, unsigned *ret_minor);

/** disk_use_mount_point() - where the root of the file system on a device is mounted; the caller
 * frees it. Return: 0 or -ENOENT */
int disk_use_mount_point(unsigned major, unsigned minor, char **ret_path);
