/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount_applet_disk.h - Docker's disk in a root that is not "/" yet
 */
#pragma once

#include "machine.h"

/**
 * applet_disk() - mount the disk of plan and command line below @root, where the root is mounted
 *
 * The place is looked up as if @root were "/", and made when it is missing. Without a plan a disk
 * that is absent is an error.
 *
 * Return: 0; STEP_SKIP: nobody wants a disk, or a tmpfs was wanted (the record's details tell); or
 * a negative errno with the details set, and nothing is mounted
 */
int applet_disk(struct machine *machine, const char *root, struct step_record *record);
