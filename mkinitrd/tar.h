/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar.h - records of a tar archive: ustar, with a pax header only where something does not fit
 *
 * Quiet. The bytes depend on the arguments alone: no names of users, no locale.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "xattr.h"
#include "../init/lib/text.h"

#define TAR_BLOCK 512

enum tar_type {
	TAR_FILE = '0',
	TAR_LINK = '1', /* a further name of a member that was before: target */
	TAR_SYMLINK = '2',
	TAR_CHARACTER = '3',
	TAR_BLOCK_DEVICE = '4',
	TAR_DIRECTORY = '5',
	TAR_FIFO = '6',
};

struct tar_member {
	const char *path; /* without leading '/' */
	enum tar_type type;
	mode_t mode;
	uint32_t uid, gid;
	uint64_t size; /* files */
	int64_t mtime; /* from 0 to below 2^33 */
	const char *target;
	uint32_t device_major, device_minor;
	const struct xattrs *xattrs; /* NULL: none */
};

/** tar_format() - the header of a member, with what comes before it, at the end of @text; content
 * and zeros to a full block follow. Return: 0 or -ENOMEM */
int tar_format(const struct tar_member *member, struct text *text);

/** tar_header_short() - the header alone, of a member that needs nothing else: a path of up to 100
 * bytes, no attributes, up to 8 GiB. Return: 0 or -EFBIG */
int tar_header_short(const struct tar_member *member, unsigned char ret_block[TAR_BLOCK]);

/** tar_padding() - zeros after a content of @size bytes */
static inline size_t tar_padding(uint64_t size)
{
	return (size_t)(-size % TAR_BLOCK);
}
