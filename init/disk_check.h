/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_check.h - a file system is checked before it is mounted
 */
#pragma once

#include "block.h"
#include "machine.h"

/**
 * disk_check() - with the plan's e2fsck, when @device holds an ext file system and the command line
 * allows it
 *
 * Adds " fsck=clean" or " fsck=repaired" to @details. A check that could not be made is a warning.
 *
 * Return: 0, or -EUCLEAN with the record's details set: errors are left
 */
int disk_check(const struct machine *machine, const struct block_device *device,
	       struct step_record *record, struct text *details);
