/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_grub.h - GRUB for BIOS machines, from the host's files, put onto a disk by ourselves
 */
#pragma once

#include <stdint.h>

#include "../init/lib/text.h"

#define GRUB_BOOT_CODE \
	440 /* bytes of the first sector that are ours; then disk id and partitions */

struct grub {
	uint8_t boot[512]; /* boot.img, patched */
	struct text core;  /* core.img, patched */
};

/**
 * grub_make() - boot code for a disk; speaks
 * @sector: where the core image is going to lie
 * @partition: number of the partition that holds /grub/grub.cfg
 *
 * grub->core is to be freed in any case.
 */
int grub_make(uint64_t sector, unsigned partition, struct grub *grub);
