/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_grub.h - GRUB for BIOS machines, from the host's files, put onto a disk by ourselves, or
 * onto a disc by who writes its file system
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

/**
 * grub_make_disc() - a boot image for El Torito; speaks
 * @commands: what it does first; then /grub/grub.cfg of the device that $prefix names
 * @core: to be freed in any case; who writes the disc fills in where it lies (xorrisofs(1),
 *        --grub2-boot-info)
 * @ret_hybrid: path of the first sector for the same image on a disk; the caller frees it
 */
int grub_make_disc(const char *commands, struct text *core, char **ret_hybrid);
