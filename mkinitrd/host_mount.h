/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_mount.h - whether the file system that a path is meant for is mounted
 */
#pragma once

#include "update.h"

/** host_check_mounted() - that no file system of the host's fstab that holds @path is missing;
 * speaks. Return: 0, -ENODEV, or -ENOMEM */
int host_check_mounted(const struct host *host, const char *path);
