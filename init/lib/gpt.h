/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpt.h - a disk's GUID partition table: read, changed, and written so that a power cut leaves one
 *
 * 512-byte sectors and arrays of 128 entries of 128 bytes only. Untrusted input. Quiet.
 * Source: UEFI Specification 2.10, section 5.3 (GUID Partition Table Disk Layout)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GPT_SECTOR 512
#define GPT_PARTITIONS 128
#define GPT_ARRAY_SECTORS 32
#define GPT_ALIGNMENT 2048 /* sectors: 1 MiB, as other tools align */
#define GPT_NAME_UNITS 36
/* "grow the file system to the size of its partition" (Discoverable Partitions Specification); on
 * the last partition of a disk we take it for the partition, too */
#define GPT_GROW (UINT64_C(1) << 59)

struct gpt_partition {
	uint8_t type[16], guid[16]; /* as on the disk; a type of zeros: no partition */
	uint64_t first, last;       /* sectors, both inside */
	uint64_t attributes;
	uint16_t name[GPT_NAME_UNITS];
};

struct gpt {
	uint8_t guid[16];
	uint64_t array;                     /* first sector of the primary array */
	uint64_t backup;                    /* sector of the backup header */
	uint64_t first_usable, last_usable; /* sectors */
	struct gpt_partition partitions[GPT_PARTITIONS];
};

extern const uint8_t gpt_type_bios_boot[16], gpt_type_esp[16], gpt_type_linux[16];

/**
 * gpt_read() - the primary table of the disk in @fd
 * @sectors: of the disk
 *
 * The backup is not asked: the kernel does not ask it either (block/partitions/efi.c, without
 * "gpt" on its command line). Return: 0; -ENODATA: there is none; -EBADMSG: damaged; -ENOTSUP: of
 * another form; or a negative errno of read(2)
 */
int gpt_read(int fd, uint64_t sectors, struct gpt *ret_gpt);

/** gpt_new() - an empty table for a disk of @sectors, with room for two primary arrays, so that
 * gpt_write() need never write over the one that counts */
void gpt_new(struct gpt *gpt, uint64_t sectors, const uint8_t guid[16]);

/** gpt_fit() - move the backup to the end of a disk of @sectors, and what is usable with it */
void gpt_fit(struct gpt *gpt, uint64_t sectors);

/**
 * gpt_write() - first the backup, then the primary array, beside the one that counts where there is
 * room; last of all, in one sector, the primary header. Each is on disk before the next begins
 *
 * gpt->array changes with it. Return: 0 or a negative errno
 */
int gpt_write(int fd, struct gpt *gpt);

/**
 * gpt_grow() - enlarge partition @index to the end of a disk of @sectors, when it is the last one
 * on the disk, is marked so (GPT_GROW), and a MiB at least is to be had
 *
 * Return: whether @gpt changed
 */
bool gpt_grow(struct gpt *gpt, size_t index, uint64_t sectors);

#define GPT_GUID_TEXT 37

/** gpt_guid_format() - as people write one, in small letters */
void gpt_guid_format(const uint8_t guid[16], char ret_text[GPT_GUID_TEXT]);

/** gpt_is_used() - whether @partition is one */
bool gpt_is_used(const struct gpt_partition *partition);
void gpt_set_name(struct gpt_partition *partition, const char *name);
bool gpt_name_is(const struct gpt_partition *partition, const char *name);
