/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_boot.h - the boot file system of a disk or a disc, with what it boots
 */
#pragma once

#include "disk_payload.h"

struct boot_place {
	int fd; /* of the disk, or of the file that holds the file system alone */
	uint64_t offset, bytes;
	const char *label; /* of the whole, for messages */
};

/** boot_loader_read() - systemd-boot, from the host's files; speaks
 * @text: what @content points into, to be freed in any case */
int boot_loader_read(struct text *text, struct content *content);

/** boot_volume_make() - a file system with the loader, the payload in slot a and the host's bundle;
 * speaks. It is none before fat_seal() */
int boot_volume_make(const struct boot_place *place, const struct disk_payload *payload,
		     const struct content *loader, struct fat **ret_fat);
