/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_mount.h - a file system that was found is mounted, or left exactly as it is
 */
#pragma once

#include "block.h"
#include "machine.h"

/** mount_error() - what an errno of mount(2) means here */
const char *mount_error(int error);

/**
 * disk_mount() - load the driver of @device's file system and mount it at @at
 * @ret_type: the type that it was mounted as; not the caller's to free
 *
 * When it cannot be mounted nothing has been written to the device.
 *
 * Return: 0 or the negative errno of mount(2)
 */
int disk_mount(const struct machine *machine, const struct block_device *device, const char *at,
	       const char **ret_type);
