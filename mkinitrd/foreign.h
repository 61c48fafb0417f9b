/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foreign.h - what stands in an image, or in its place, that is no archive for the kernel
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define FOREIGN_MOST 0x210 /* bytes that these may want to see; fewer at the end of a file */

/** foreign_name() - "a Linux kernel, not an initramfs", or NULL when it is nothing known */
const char *foreign_name(const unsigned char *bytes, size_t count);

/** squashfs_size() - of the file system that begins there; 0 when it is none */
uint64_t squashfs_size(const unsigned char *bytes, size_t count);
