/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_layout.h - where the parts of a disk lie
 *
 *   sector 0          GRUB's first sector, the protective MBR
 *   1 to 65           GPT, room for two arrays of entries (lib/gpt.h)
 *   1 MiB             BIOS boot partition: GRUB's core image
 *   2 MiB             boot partition (ESP, FAT32): two slots (disk_slots.h)
 *   behind that       DOCKER (ext4), which grows to the disk at boot
 */
#pragma once

#include "../init/lib/gpt.h"
#include "../init/lib/text.h"

#define MIB ((uint64_t)1 << 20)
#define DISK_SECTOR ((uint64_t)GPT_SECTOR)
#define DISK_BIOS_FIRST ((uint64_t)2048)
#define DISK_BOOT_FIRST ((uint64_t)4096)
#define DOCKER_LEAST (64 * MIB)
#define DOCKER_DEFAULT (512 * MIB)

/* indexes of gpt->partitions */
enum disk_partition { DISK_BIOS, DISK_BOOT, DISK_DOCKER };

/* what is asked for; 0: not said */
struct disk_wish {
	const char *label;                /* of the disk, for messages */
	uint64_t disk_bytes;              /* of the device, or of the file that is to be made */
	bool is_given;                    /* that size is what it is, even 0 */
	uint64_t boot_bytes;              /* output.disk.boot */
	uint64_t slot_bytes;              /* what a slot needs */
	uint64_t other_bytes;             /* what both slots share */
	const struct gpt_partition *keep; /* a DOCKER partition that stays where it is, or NULL */
	uint64_t keep_array;              /* where the present table's array lies; 0: none */
};

struct disk_layout {
	uint64_t sectors;
	struct gpt gpt;
};

/** disk_layout_make() - the table of a disk, without GUIDs; speaks, with numbers, when it does not
 * fit. With no disk_bytes the disk is as large as it has to be */
int disk_layout_make(const struct disk_wish *wish, struct disk_layout *layout);

/** disk_is_ours() - whether @gpt is a table that disk_layout_make() made */
bool disk_is_ours(const struct gpt *gpt);

/** disk_partition_bytes() - size and place, in bytes */
static inline uint64_t disk_partition_bytes(const struct gpt_partition *partition)
{
	return (partition->last - partition->first + 1) * DISK_SECTOR;
}
static inline uint64_t disk_partition_offset(const struct gpt_partition *partition)
{
	return partition->first * DISK_SECTOR;
}
