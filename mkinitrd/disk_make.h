/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_make.h - write a whole disk
 */
#pragma once

#include "disk_layout.h"
#include "disk_payload.h"

/* what stands in the first sector until the last one is written */
#define DISK_UNFINISHED "mkinitrd: this disk is not finished"
#define DISK_UNFINISHED_AT 8

struct disk_job {
	int fd;            /* of the disk, whole */
	const char *label; /* for messages */
	struct disk_payload *payload;
	struct disk_layout layout; /* GUIDs are filled in */
	bool keeps_docker;         /* that partition is left as it is */
	bool is_device;
};

/**
 * disk_make() - boot loaders, tables, file systems; speaks
 *
 * What says that there is a disk to boot from comes last: the first sector of the boot partition's
 * file system for UEFI, then the first of the disk for BIOS. Until then the disk's first sector
 * says that it is not finished. A DOCKER partition that is kept is in a valid table at all times.
 */
int disk_make(struct disk_job *job);
