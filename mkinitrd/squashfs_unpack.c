/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_unpack.c - the compressed blocks of a SquashFS
 *
 * In:    one block, untrusted
 * Out:   its bytes
 * Facts: kernel fs/squashfs/squashfs_fs.h for the numbers; gzip is a zlib stream, xz one with a
 *        CRC32, lz4 a bare block, zstd a frame (fs/squashfs/{zlib,xz,lz4,zstd,lzo}_wrapper.c)
 */
#include <errno.h>
#include <lz4.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include "squashfs_reader_private.h"

#define XZ_MEMORY ((uint64_t)8 << 20) /* a dictionary of at most 1 MiB, and what goes with it */

static ssize_t unpack_zlib(const unsigned char *packed, size_t size, unsigned char *bytes,
			   size_t room)
{
	uLongf length = room;
	int r = uncompress(bytes, &length, packed, size);

	return r == Z_OK ? (ssize_t)length : r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static ssize_t unpack_lzo(const unsigned char *packed, size_t size, unsigned char *bytes,
			  size_t room)
{
	lzo_uint length = room;

	return lzo1x_decompress_safe(packed, size, bytes, &length, NULL) == LZO_E_OK
		       ? (ssize_t)length
		       : -EBADMSG;
}

static ssize_t unpack_xz(const unsigned char *packed, size_t size, unsigned char *bytes,
			 size_t room)
{
	uint64_t memory = XZ_MEMORY;
	size_t in = 0, out = 0;
	lzma_ret r =
		lzma_stream_buffer_decode(&memory, 0, NULL, packed, &in, size, bytes, &out, room);

	return r == LZMA_OK ? (ssize_t)out : r == LZMA_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static ssize_t unpack_lz4(const unsigned char *packed, size_t size, unsigned char *bytes,
			  size_t room)
{
	int r = LZ4_decompress_safe((const char *)packed, (char *)bytes, (int)size, (int)room);

	return r < 0 ? -EBADMSG : r;
}

static ssize_t unpack_zstd(const unsigned char *packed, size_t size, unsigned char *bytes,
			   size_t room)
{
	size_t r = ZSTD_decompress(bytes, room, packed, size);

	return ZSTD_isError(r) ? -EBADMSG : (ssize_t)r;
}

// clang-format off
static const struct {
	uint16_t number;
	enum compression compression;
	ssize_t (*unpack)(const unsigned char *packed, size_t size, unsigned char *bytes,
			  size_t room);
} rows[] = {
	{ 1, COMPRESS_GZIP, unpack_zlib },
	{ 3, COMPRESS_LZOP, unpack_lzo },
	{ 4, COMPRESS_XZ,   unpack_xz },
	{ 5, COMPRESS_LZ4,  unpack_lz4 },
	{ 6, COMPRESS_ZSTD, unpack_zstd },
};
// clang-format on

bool unpack_knows(uint16_t compressor, enum compression *ret_compression)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].number != compressor)
			continue;
		*ret_compression = rows[i].compression;
		return true;
	}
	return false;
}

ssize_t unpack_block(uint16_t compressor, const unsigned char *packed, size_t size,
		     unsigned char *bytes, size_t room)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].number == compressor)
			return rows[i].unpack(packed, size, bytes, room);
	return -EBADMSG;
}
