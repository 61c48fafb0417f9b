/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expand.c - compressed streams read back: which one it is, zstd, gzip (see compress.h)
 *
 * Facts: magic bytes as the kernel's lib/decompress.c tells them apart; zstd's skippable frames are
 *        left out as there
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#define ZLIB_CONST /* next_in is const */
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "compress.h"

struct expander {
	ZSTD_DCtx *zstd;
	z_stream gzip;
	bool is_gzip, is_gzip_open;
};

int compression_detect(const unsigned char *bytes, size_t count, enum compression *ret_compression,
		       const char **ret_name)
{
	// clang-format off
	static const struct {
		const char *name;
		unsigned char magic[MAGIC_MOST];
		size_t length;
		bool is_readable;
		enum compression compression;
	} rows[] = {
		{ "zstd",  { 0x28, 0xb5, 0x2f, 0xfd },             4, true,  COMPRESS_ZSTD },
		{ "gzip",  { 0x1f, 0x8b },                         2, true,  COMPRESS_GZIP },
		{ "gzip",  { 0x1f, 0x9e },                         2, false, COMPRESS_NONE },
		{ "xz",    { 0xfd, '7', 'z', 'X', 'Z', 0 },        6, false, COMPRESS_NONE },
		{ "bzip2", { 'B', 'Z', 'h' },                      3, false, COMPRESS_NONE },
		{ "lzma",  { 0x5d, 0, 0 },                         3, false, COMPRESS_NONE },
		{ "lzop",  { 0x89, 'L', 'Z', 'O', 0 },             5, false, COMPRESS_NONE },
		{ "lz4",   { 0x02, 0x21, 0x4c, 0x18 },             4, false, COMPRESS_NONE },
		{ "lz4",   { 0x04, 0x22, 0x4d, 0x18 },             4, false, COMPRESS_NONE },
	};
	// clang-format on

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (count < rows[i].length || memcmp(bytes, rows[i].magic, rows[i].length) != 0)
			continue;
		*ret_name = rows[i].name;
		*ret_compression = rows[i].compression;
		return rows[i].is_readable ? 1 : -ENOTSUP;
	}
	*ret_name = NULL;
	return 0;
}

int expander_open(enum compression compression, struct expander **ret_expander)
{
	CLEANUP(expander_cleanup) struct expander *expander = calloc(1, sizeof(*expander));

	if (!expander)
		return -ENOMEM;
	expander->is_gzip = compression == COMPRESS_GZIP;
	if (expander->is_gzip)
		expander->is_gzip_open = inflateInit2(&expander->gzip, 15 + 16) == Z_OK;
	else
		expander->zstd = ZSTD_createDCtx(); /* its window is 2^27 bytes at most */
	if (!expander->is_gzip_open && !expander->zstd)
		return -ENOMEM;
	*ret_expander = expander;
	expander = NULL;
	return 0;
}

void expander_close(struct expander *expander)
{
	if (!expander)
		return;
	if (expander->is_gzip_open)
		(void)inflateEnd(&expander->gzip);
	(void)ZSTD_freeDCtx(expander->zstd);
	free(expander);
}

static int gzip_step(z_stream *stream, struct expander_window *window)
{
	unsigned in_size = window->in_size > UINT_MAX ? UINT_MAX : (unsigned)window->in_size;
	unsigned out_size = window->out_size > UINT_MAX ? UINT_MAX : (unsigned)window->out_size;
	int r;

	stream->next_in = window->in;
	stream->avail_in = in_size;
	stream->next_out = window->out;
	stream->avail_out = out_size;
	r = inflate(stream, Z_NO_FLUSH);
	window->in = stream->next_in;
	window->in_size -= in_size - stream->avail_in;
	window->out = stream->next_out;
	window->out_size -= out_size - stream->avail_out;
	if (r == Z_STREAM_END)
		return inflateReset(stream) == Z_OK ? 1 : -EINVAL;
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	return r == Z_OK || r == Z_BUF_ERROR ? 0 : -EBADMSG;
}

static int zstd_step(ZSTD_DCtx *zstd, struct expander_window *window)
{
	ZSTD_inBuffer in = { window->in, window->in_size, 0 };
	ZSTD_outBuffer out = { window->out, window->out_size, 0 };
	size_t r = ZSTD_decompressStream(zstd, &out, &in);

	window->in += in.pos;
	window->in_size -= in.pos;
	window->out += out.pos;
	window->out_size -= out.pos;
	if (!ZSTD_isError(r))
		return r == 0;
	if (ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation)
		return -ENOMEM;
	if (ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge)
		return -EFBIG;
	return -EBADMSG;
}

int expander_step(struct expander *expander, struct expander_window *window)
{
	return expander->is_gzip ? gzip_step(&expander->gzip, window)
				 : zstd_step(expander->zstd, window);
}
