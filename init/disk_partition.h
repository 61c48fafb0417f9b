/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_partition.h - a partition takes what its disk has behind it
 */
#pragma once

#include "block.h"

/**
 * disk_partition_grow() - enlarge the partition @device, before it is mounted
 * @details: gets " partition=BEFORE..AFTER" in bytes when it grew
 *
 * Only the last partition of a GPT that is marked to grow (lib/gpt.h); any other is left as it is,
 * as is a whole disk. What cannot be done is a warning, and the partition stays as large as it is.
 */
void disk_partition_grow(const struct block_device *device, struct text *details);
