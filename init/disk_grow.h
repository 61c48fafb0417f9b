/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_grow.h - a mounted file system takes all of its device
 */
#pragma once

#include "block.h"

/**
 * disk_grow() - ext3, ext4, xfs and btrfs; no larger than the disk or partition is
 * @type: as it was mounted
 *
 * Adds " grown=OLD..NEW" (bytes) to @details when it grew. A failure is a warning: the file system
 * is as it was.
 */
void disk_grow(const struct block_device *device, const char *type, const char *at,
	       struct text *details);
