/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iso.h - a disc that boots by itself, and a disk or stick that it is copied to
 *
 *   sector 0          GRUB's first sector for disks, the protective MBR
 *   1 to 63           GPT: the boot file system is a partition of it
 *   32 KiB            ISO 9660, with El Torito for BIOS and UEFI
 *   /boot/ID.img      the boot file system (FAT32, disk_boot.h): loaders' configuration, kernel,
 *                     image
 *   /boot/bios.img    GRUB for BIOS, which opens that file
 *
 * UEFI takes the file for a volume, whether El Torito or the GPT leads to it, so that kernel and
 * image are there once. ID follows from the content: no other disc in the machine has that file.
 * Source: El Torito specification 1.0; UEFI 2.10 section 13.3.2.1
 */
#pragma once

#include "disk_payload.h"
#include "spool.h"

struct iso_job {
	const struct disk_payload *payload;
	struct spool *spool;
	int fd;            /* where it goes: a file, empty */
	const char *path;  /* its name for another program; no symlink */
	const char *label; /* for messages */
};

/** iso_bytes() - about as large as the disc is going to be; not less */
uint64_t iso_bytes(const struct disk_payload *payload);

/** iso_make() - write it, by xorriso; speaks. The same payload gives the same bytes */
int iso_make(const struct iso_job *job);
