/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume.h - folders of the root that lie on the disk, so that they last
 */
#pragma once

#include "machine.h"

#define VOLUMES_DIRECTORY "mkinitrd/volumes" /* on the disk */

/**
 * volumes_mount() - each volume of the plan's disk, which is mounted: its folder on the disk, made
 * with what the root has there when it is not yet, bound over its place
 * @details: how many, for the step
 *
 * Return: 0, or a negative errno with the reason in @record
 */
int volumes_mount(const struct machine *machine, struct step_record *record, struct text *details);

/** volume_name() - of its folder: the path without the first '/', with '-' for '/', %2D for '-' and
 * %25 for '%' */
void volume_name(const char *path, struct text *name);

/** copy_below() - all of one directory into another, which is empty: owners, permissions and times
 * are kept, other file systems, sockets and attributes are left out. Return: 0 or -errno. Quiet */
int copy_below(int from_fd, int to_fd);
