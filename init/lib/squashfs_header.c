/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_header.c - what a SquashFS says of itself before it is mounted
 *
 * In:    its first bytes (untrusted)
 * Out:   its version, compressor and size; why the kernel will not take it
 * Not:   what is in it
 * Facts: kernel fs/squashfs/super.c: anything wrong is EINVAL, and only the kernel log tells what
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "squashfs_header.h"

#define MAGIC 0x73717368u

static uint16_t number16(const unsigned char *bytes)
{
	uint16_t number;

	memcpy(&number, bytes, sizeof(number));
	return le16toh(number);
}

static uint64_t number64(const unsigned char *bytes)
{
	uint64_t number;

	memcpy(&number, bytes, sizeof(number));
	return le64toh(number);
}

int squashfs_header_parse(const void *bytes, size_t count, struct squashfs_header *header)
{
	const unsigned char *at = bytes;
	uint32_t magic;

	if (count < SQUASHFS_HEADER_BYTES)
		return -ENOMSG;
	memcpy(&magic, at, sizeof(magic));
	if (le32toh(magic) != MAGIC)
		return -ENOMSG;
	*header = (struct squashfs_header){
		.compressor = number16(at + 20),
		.major = number16(at + 28),
		.minor = number16(at + 30),
		.size = number64(at + 40),
		.inode_table = number64(at + 64),
	};
	return 0;
}

const char *squashfs_compressor(uint16_t number, char buffer[static 16])
{
	static const char *const names[] = { NULL, "gzip", "lzma", "lzo", "xz", "lz4", "zstd" };

	if (number < COUNT_OF(names) && names[number])
		return names[number];
	(void)snprintf(buffer, 16, "number %u", number);
	return buffer;
}

bool squashfs_header_problem(const struct squashfs_header *header, uint64_t held, struct text *why)
{
	if (header->major != 4 || header->minor != 0)
		text_format(why,
			    "it is a SquashFS of version %u.%u, and the kernel reads 4.0; make it "
			    "again with a newer mksquashfs",
			    header->major, header->minor);
	else if (header->size > held)
		text_format(why,
			    "it is cut short: it is a SquashFS of %llu bytes, and %llu are there; "
			    "copy it again",
			    (unsigned long long)header->size, (unsigned long long)held);
	else if (header->size < SQUASHFS_HEADER_BYTES || header->inode_table >= header->size)
		text_add(why, "its header is damaged; copy it again");
	else
		return false;
	return true;
}
