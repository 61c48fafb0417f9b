/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_bundle.h - a host's files from the boot disk, over the image
 */
#pragma once

#include "machine.h"
#include "root_mount.h"

#define BUNDLE_LAYER RUN_DIRECTORY "/bundle"     /* its files, when they lie over another root */
#define BUNDLE_DISK RUN_DIRECTORY "/bundle-disk" /* the disk, while it is read */

/**
 * host_bundle_apply() - what the plan's bundle says; a line of its own in the log, as of a step
 * @boot:   the device that the root came from, which is mounted at @at; NULL: there is none
 * @root:   the directory of the root that its files belong to; "/": they replace what is there;
 * NULL: nothing can lie over it
 *
 * Else they are at BUNDLE_LAYER, a read-only file system of its own, to lie over @root.
 *
 * Return: 1 it took effect; 0 there is none, or it cannot be used and need not be; a negative errno
 * with @record's details set
 */
int host_bundle_apply(struct machine *machine, struct step_record *record,
		      const struct block_device *boot, const char *at, const char *root);
