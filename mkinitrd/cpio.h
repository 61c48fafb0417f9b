/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpio.h - the records of a newc archive, as bytes and as a struct
 *
 * A record is a header of 110 characters, the name with its NUL, zeros up to a multiple of 4, the
 * content, zeros up to a multiple of 4. All numbers are 8 hexadecimal digits. Pure functions: no
 * input or output here. Quiet.
 * Source: kernel Documentation/driver-api/early-userspace/buffer-format.rst
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPIO_HEADER_SIZE 110
#define CPIO_TRAILER "TRAILER!!!"
#define CPIO_NAME_MOST 4096       /* with its NUL: PATH_MAX, the most that the kernel takes */
#define CPIO_FILE_MOST UINT32_MAX /* 8 hexadecimal digits */

struct cpio_header {
	uint32_t inode, mode, uid, gid, nlink, mtime, size;
	uint32_t device_major, device_minor, special_major, special_minor;
	uint32_t name_size; /* with the NUL */
	uint32_t check;     /* sum of the content's bytes, in the 070702 form only */
	bool has_check;     /* it is of that form; cpio_format() writes the other */
};

/** cpio_format() - the header of the 070701 form; writes CPIO_HEADER_SIZE characters, no NUL */
void cpio_format(const struct cpio_header *header, char *characters);

/** cpio_parse() - the inverse, of both forms. Return: 0, or -EINVAL: no newc header */
int cpio_parse(const char *characters, struct cpio_header *ret_header);

/** cpio_padding() - zeros that follow @length bytes of header and name, or of content */
static inline size_t cpio_padding(uint64_t length)
{
	return (size_t)(-length & 3);
}
