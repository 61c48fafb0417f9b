/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expand.c - compressed streams read back: the table of codecs, and those whose library does it all
 * (see compress.h)
 *
 * In:    bytes of a stream, untrusted
 * Out:   what was packed; the memory for it is bounded
 * Not:   lz4 (expand_lz4.c) and lzop (expand_lzop.c), whose blocks are walked by us
 * Facts: magic bytes as the kernel's lib/decompress.c tells them apart; zstd's skippable frames are
 *        left out as there
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <bzlib.h>
#include <lzma.h>
#define ZLIB_CONST /* next_in is const */
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "expand.h"

struct expander {
	const struct codec_functions *functions;
	void *state;
};

static unsigned unsigned_of(size_t size)
{
	return size > UINT_MAX ? UINT_MAX : (unsigned)size;
}

/* the window moves on by what a library took and made */
static void advance(struct expander_window *window, size_t taken, size_t made)
{
	window->in += taken;
	window->in_size -= taken;
	window->out += made;
	window->out_size -= made;
}

/* ---- zstd ---- */

static int zstd_open(void **ret_state)
{
	*ret_state = ZSTD_createDCtx(); /* its window is 2^27 bytes at most */
	return *ret_state ? 0 : -ENOMEM;
}

static int zstd_step(void *state, struct expander_window *window)
{
	ZSTD_inBuffer in = { window->in, window->in_size, 0 };
	ZSTD_outBuffer out = { window->out, window->out_size, 0 };
	size_t r = ZSTD_decompressStream(state, &out, &in);

	advance(window, in.pos, out.pos);
	if (!ZSTD_isError(r))
		return r == 0;
	if (ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation)
		return -ENOMEM;
	if (ZSTD_getErrorCode(r) == ZSTD_error_frameParameter_windowTooLarge)
		return -EFBIG;
	return -EBADMSG;
}

static void zstd_close(void *state)
{
	(void)ZSTD_freeDCtx(state);
}

static const struct codec_functions zstd_functions = { zstd_open, zstd_step, zstd_close, NULL,
						       NULL };

/* ---- gzip ---- */

static int gzip_open(void **ret_state)
{
	z_stream *stream = calloc(1, sizeof(*stream));

	/* 15 + 16: the largest window, and a gzip header */
	if (!stream || inflateInit2(stream, 15 + 16) != Z_OK) {
		free(stream);
		return -ENOMEM;
	}
	*ret_state = stream;
	return 0;
}

static int gzip_step(void *state, struct expander_window *window)
{
	unsigned in_size = unsigned_of(window->in_size), out_size = unsigned_of(window->out_size);
	z_stream *stream = state;
	int r;

	stream->next_in = window->in;
	stream->avail_in = in_size;
	stream->next_out = window->out;
	stream->avail_out = out_size;
	r = inflate(stream, Z_NO_FLUSH);
	advance(window, in_size - stream->avail_in, out_size - stream->avail_out);
	if (r == Z_STREAM_END)
		return inflateReset(stream) == Z_OK ? 1 : -EINVAL;
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	return r == Z_OK || r == Z_BUF_ERROR ? 0 : -EBADMSG;
}

static void gzip_close(void *state)
{
	(void)inflateEnd(state);
	free(state);
}

static const struct codec_functions gzip_functions = { gzip_open, gzip_step, gzip_close, NULL,
						       NULL };

/* ---- bzip2: the library's struct serves one stream; each further one begins anew ---- */

struct bzip2 {
	bz_stream stream;
	bool is_open;
};

static int bzip2_open(void **ret_state)
{
	*ret_state = calloc(1, sizeof(struct bzip2));
	return *ret_state ? 0 : -ENOMEM;
}

static void bzip2_end(struct bzip2 *bzip2)
{
	if (bzip2->is_open)
		(void)BZ2_bzDecompressEnd(&bzip2->stream);
	bzip2->is_open = false;
}

static int bzip2_step(void *state, struct expander_window *window)
{
	unsigned in_size = unsigned_of(window->in_size), out_size = unsigned_of(window->out_size);
	struct bzip2 *bzip2 = state;
	bz_stream *stream = &bzip2->stream;
	int r;

	if (!bzip2->is_open) {
		*stream = (bz_stream){ 0 };
		if (BZ2_bzDecompressInit(stream, 0, 0) != BZ_OK)
			return -ENOMEM;
		bzip2->is_open = true;
	}
	/* the library's pointers are not const, but it only reads there */
	memcpy(&stream->next_in, &window->in, sizeof(stream->next_in));
	stream->avail_in = in_size;
	stream->next_out = (char *)window->out;
	stream->avail_out = out_size;
	r = BZ2_bzDecompress(stream);
	advance(window, in_size - stream->avail_in, out_size - stream->avail_out);
	if (r == BZ_STREAM_END) {
		bzip2_end(bzip2);
		return 1;
	}
	if (r == BZ_MEM_ERROR)
		return -ENOMEM;
	return r == BZ_OK ? 0 : -EBADMSG;
}

static void bzip2_close(void *state)
{
	bzip2_end(state);
	free(state);
}

static const struct codec_functions bzip2_functions = { bzip2_open, bzip2_step, bzip2_close, NULL,
							NULL };

/* ---- xz and its older form without checks, "lzma" ---- */

struct xz {
	lzma_stream stream;
	bool is_open, is_lzma;
};

static int xz_make(void **ret_state, bool is_lzma)
{
	struct xz *xz = calloc(1, sizeof(*xz));

	if (!xz)
		return -ENOMEM;
	xz->is_lzma = is_lzma;
	*ret_state = xz;
	return 0;
}

static int xz_open(void **ret_state)
{
	return xz_make(ret_state, false);
}

static int lzma_open(void **ret_state)
{
	return xz_make(ret_state, true);
}

static int xz_step(void *state, struct expander_window *window)
{
	/* beside the dictionary there are a few hundred KB of tables and buffers */
	const uint64_t memory_most = EXPAND_WINDOW_MOST + ((uint64_t)1 << 20);
	struct xz *xz = state;
	lzma_stream *stream = &xz->stream;
	size_t out_size = window->out_size, in_size = window->in_size;
	lzma_ret r = LZMA_OK;

	if (!xz->is_open)
		r = xz->is_lzma ? lzma_alone_decoder(stream, memory_most)
				: lzma_stream_decoder(stream, memory_most, 0);
	if (r != LZMA_OK)
		return -ENOMEM;
	xz->is_open = true;
	stream->next_in = window->in;
	stream->avail_in = in_size;
	stream->next_out = window->out;
	stream->avail_out = out_size;
	r = lzma_code(stream, LZMA_RUN);
	advance(window, in_size - stream->avail_in, out_size - stream->avail_out);
	if (r == LZMA_STREAM_END) {
		xz->is_open = false; /* the next one begins anew, in the same memory */
		return 1;
	}
	if (r == LZMA_OK || r == LZMA_BUF_ERROR)
		return 0;
	return r == LZMA_MEM_ERROR ? -ENOMEM : r == LZMA_MEMLIMIT_ERROR ? -EFBIG : -EBADMSG;
}

static void xz_close(void *state)
{
	struct xz *xz = state;

	lzma_end(&xz->stream);
	free(xz);
}

static const struct codec_functions xz_functions = { xz_open, xz_step, xz_close, NULL, NULL };
static const struct codec_functions lzma_functions = { lzma_open, xz_step, xz_close, NULL, NULL };

/* ---- the table ---- */

// clang-format off
static const struct codec {
	const char *name;
	unsigned char magic[MAGIC_MOST];
	size_t length;
	enum compression compression;
	const struct codec_functions *functions; /* NULL: known, and not readable */
} codecs[] = {
	{ "zstd",  { 0x28, 0xb5, 0x2f, 0xfd },      4, COMPRESS_ZSTD,  &zstd_functions },
	{ "gzip",  { 0x1f, 0x8b },                  2, COMPRESS_GZIP,  &gzip_functions },
	{ "xz",    { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, COMPRESS_XZ,    &xz_functions },
	{ "lz4",   { 0x02, 0x21, 0x4c, 0x18 },      4, COMPRESS_LZ4,   &lz4_functions }, /* legacy: the kernel's */
	{ "lz4",   { 0x04, 0x22, 0x4d, 0x18 },      4, COMPRESS_LZ4,   &lz4_functions }, /* the frame of today */
	{ "bzip2", { 'B', 'Z', 'h' },               3, COMPRESS_BZIP2, &bzip2_functions },
	{ "lzma",  { 0x5d, 0, 0 },                  3, COMPRESS_LZMA,  &lzma_functions },
	{ "lzop",  { 0x89, 'L', 'Z', 'O', 0 },      5, COMPRESS_LZOP,  &lzop_functions },
	{ "gzip of before 1993", { 0x1f, 0x9e },    2, COMPRESS_NONE,  NULL },
};
// clang-format on

int compression_detect(const unsigned char *bytes, size_t count, enum compression *ret_compression,
		       const char **ret_name)
{
	for (size_t i = 0; i < COUNT_OF(codecs); i++) {
		const struct codec *codec = &codecs[i];

		if (count < codec->length || memcmp(bytes, codec->magic, codec->length) != 0)
			continue;
		*ret_name = codec->name;
		*ret_compression = codec->compression;
		return codec->functions ? 1 : -ENOTSUP;
	}
	*ret_name = NULL;
	return 0;
}

const char *compression_name(enum compression compression)
{
	for (size_t i = 0; i < COUNT_OF(codecs); i++)
		if (codecs[i].functions && codecs[i].compression == compression)
			return codecs[i].name;
	return "none";
}

int expander_open(enum compression compression, struct expander **ret_expander)
{
	CLEANUP(expander_cleanup) struct expander *expander = calloc(1, sizeof(*expander));
	int r;

	if (!expander)
		return -ENOMEM;
	for (size_t i = 0; i < COUNT_OF(codecs) && !expander->functions; i++)
		if (codecs[i].compression == compression)
			expander->functions = codecs[i].functions;
	if (!expander->functions)
		return -EINVAL;
	r = expander->functions->open(&expander->state);
	if (r < 0)
		return r;
	*ret_expander = expander;
	expander = NULL;
	return 0;
}

void expander_close(struct expander *expander)
{
	if (!expander)
		return;
	if (expander->state)
		expander->functions->close(expander->state);
	free(expander);
}

int expander_step(struct expander *expander, struct expander_window *window)
{
	return expander->functions->step(expander->state, window);
}

bool expander_may_end(const struct expander *expander)
{
	return expander->functions->may_end && expander->functions->may_end(expander->state);
}

size_t expander_unread(const struct expander *expander)
{
	return expander->functions->unread ? expander->functions->unread(expander->state) : 0;
}

/* ---- for codecs that walk blocks ---- */

bool gather(struct gathered *gathered, struct expander_window *window)
{
	size_t count = gathered->want - gathered->have;

	if (count > window->in_size)
		count = window->in_size;
	if (count)
		memcpy(gathered->bytes + gathered->have, window->in, count);
	gathered->have += count;
	advance(window, count, 0);
	return gathered->have == gathered->want;
}

bool give(struct given *given, struct expander_window *window)
{
	size_t count = given->end - given->at;

	if (count > window->out_size)
		count = window->out_size;
	if (count)
		memcpy(window->out, given->bytes + given->at, count);
	given->at += count;
	advance(window, 0, count);
	return given->at == given->end;
}
