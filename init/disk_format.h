/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_format.h - a file system on a disk on which there is nothing at all
 */
#pragma once

#include "disk_find.h"

/**
 * disk_format_found() - on the device that the search found by its path or serial
 * disk_format_only() - nothing was found: on the only blank disk of those that were seen
 *
 * The device must be blank: libblkid knows nothing on it, neither at its beginning nor at its end,
 * its first and its last MiB are zeros, it can be written and nothing uses it. Otherwise it stays
 * untouched.
 *
 * Return: 0 with the index into search->seen; a negative errno with the record's details set
 */
int disk_format_found(const struct plan_disk *disk, const struct disk_search *search,
		      struct step_record *record);
int disk_format_only(const struct plan_disk *disk, const struct disk_search *search,
		     struct step_record *record, size_t *ret_index);
