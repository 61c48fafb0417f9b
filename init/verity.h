/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verity.h - a block device whose content is checked as it is read
 */
#pragma once

#include "lib/bootplan.h"

#define VERITY_NAME "mkinitrd-root"

/**
 * verity_open() - data and hash tree are on @device; the result is read-only
 * @ret_path: of the checked device; the caller frees it
 *
 * What does not match the root hash is an I/O error, and a line in the kernel log.
 *
 * Return: 0; -EINVAL: the values have no sense, or the tree lies behind the device's end; -ENOENT:
 * there is no device mapper; another negative errno. Quiet.
 */
int verity_open(const struct plan_verity *verity, const char *device, char **ret_path);

/** verity_close() - let go of a device that nothing uses; it need not be there */
void verity_close(void);
