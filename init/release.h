/* SPDX-License-Identifier: Apache-2.0 */
/*
 * release.h - what stands between a file system and its disk: swap, loop and dm devices
 */
#pragma once

#include <stddef.h>

#include "lib/text.h"

/** swap_off() - every area. Return: how many */
size_t swap_off(void);

/** devices_release() - loop and dm devices that nothing uses any more. Return: how many went, so
 * that what was below them may be unmounted now */
size_t devices_release(void);

/** swap_path_next() - the path on the next line of /proc/swaps, "\040" decoded in place; @position
 * moves behind it. NULL at the end */
char *swap_path_next(char **position);
