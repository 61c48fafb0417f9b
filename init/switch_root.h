/* SPDX-License-Identifier: Apache-2.0 */
/*
 * switch_root.h - another file system becomes "/"
 */
#pragma once

#include "machine.h"

/**
 * switch_root() - the file system at @directory becomes the root of this process and of all that it
 * starts
 * @keeps_tools: this init goes on in it: its own files are made visible there
 *
 * The kernel's file systems and /run move along, the plan's modules are made visible where the new
 * root has none for this kernel, and all else of the file system that the kernel unpacked is
 * deleted, for its files are memory.
 *
 * Return: 0, or a negative errno with the record's details set; before anything was moved, unless
 * they say so
 */
int switch_root(struct machine *machine, struct step_record *record, const char *directory,
		bool keeps_tools);
