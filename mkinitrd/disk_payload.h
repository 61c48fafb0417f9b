/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_payload.h - what a disk is to boot: an image, its kernel, the words for it
 */
#pragma once

#include "disk_slots.h"
#include "options.h"

struct disk_payload {
	struct slot_payload slot;
	struct bundle_payload host;
	uint64_t disk_bytes, boot_bytes; /* output.disk.size and .boot of the profile; 0: none */
	char *profile;                   /* name of the one that the image is of */
	int64_t mtime;                   /* SOURCE_DATE_EPOCH or 0 */
	bool lacks_resize;               /* the plan's disk is not to grow */
	uint8_t digest[32];              /* of all that the slot holds */
};

#define DISK_PAYLOAD_NONE \
	((struct disk_payload){ .slot = SLOT_PAYLOAD_NONE, .host = BUNDLE_PAYLOAD_NONE })

/** disk_payload_make() - build an image from the profiles, or take the one that is named; find its
 * kernel in the root; speaks. To be freed in any case
 * @is_beside: the root's SquashFS, where there is one, becomes a file beside the image; else the
 *             image carries it */
int disk_payload_make(const struct options *options, bool is_beside, struct disk_payload *payload);
void disk_payload_free(struct disk_payload *payload);

/** disk_payload_place() - the root's SquashFS is going to lie in this partition */
void disk_payload_place(struct disk_payload *payload, const uint8_t partition_guid[16]);

/** disk_payload_id() - a GUID that follows from the content and @what, as GPT stores it */
void disk_payload_id(const struct disk_payload *payload, const char *what, uint8_t ret_id[16]);
