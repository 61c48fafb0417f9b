/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress_gzip.c - gzip on all cores, as one member
 *
 * In:    bytes
 * Out:   a gzip file: header, deflate blocks, sum and length
 * Facts: the kernel unpacks one member and takes what follows for the next part of the initramfs
 *        (lib/decompress_inflate.c), so that there may be one only. Blocks of the stream are
 * deflated apart from each other, each with the 32 KiB before it as its dictionary, and end on a
 * byte (zlib.h: deflateSetDictionary, Z_SYNC_FLUSH), so that they can stand one behind the other.
 *        RFC 1952 has header and trailer
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST /* next_in is const */
#include <zlib.h>

#include "compress_blocks.h"
#include "compress_sink.h"

#define BLOCK_SIZE ((size_t)1 << 20)
#define WINDOW_SIZE ((size_t)32768)
#define THREADS_MOST 16

struct gzip {
	struct blocks *blocks;
	uint64_t length;
	uLong sum;
	bool has_header;
};

static void *worker_open(int level)
{
	z_stream *stream = calloc(1, sizeof(*stream));

	/* -15: the largest window, and no header or trailer */
	if (stream && deflateInit2(stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(stream);
		return NULL;
	}
	return stream;
}

static void worker_close(void *worker)
{
	if (worker)
		(void)deflateEnd(worker);
	free(worker);
}

/* more than deflateBound() says, which is about a stream that is not flushed */
#define OUT_MOST (BLOCK_SIZE + BLOCK_SIZE / 64 + 4096)

static int pack(void *worker, struct block *block)
{
	z_stream *stream = worker;
	int r;

	if (deflateReset(stream) != Z_OK)
		return -EINVAL;
	if (block->history_size && deflateSetDictionary(stream, block->in - block->history_size,
							(uInt)block->history_size) != Z_OK)
		return -EINVAL;
	stream->next_in = block->in;
	stream->avail_in = (uInt)block->in_size;
	stream->next_out = block->out;
	stream->avail_out = OUT_MOST;
	r = deflate(stream, block->is_last ? Z_FINISH : Z_SYNC_FLUSH);
	if (r != (block->is_last ? Z_STREAM_END : Z_OK) || stream->avail_out == 0)
		return -EINVAL;
	block->out_size = OUT_MOST - stream->avail_out;
	block->check = (uint32_t)crc32_z(0, block->in, block->in_size);
	return 0;
}

static const struct block_codec codec = {
	.block_size = BLOCK_SIZE,
	.history = WINDOW_SIZE,
	.out_most = OUT_MOST,
	.threads_most = THREADS_MOST,
	.worker_open = worker_open,
	.pack = pack,
	.worker_close = worker_close,
};

static int emit(void *context, const struct block *block)
{
	const struct sink *sink = context;
	struct gzip *gzip = sink->state;

	gzip->length += block->in_size;
	gzip->sum = crc32_combine(gzip->sum, block->check, (z_off_t)block->in_size);
	return sink->write(sink->context, block->out, block->out_size);
}

int gzip_open(struct sink *sink, int level, unsigned jobs)
{
	struct gzip *gzip = calloc(1, sizeof(*gzip));

	sink->state = gzip;
	if (!gzip)
		return -ENOMEM;
	gzip->sum = crc32_z(0, NULL, 0);
	return blocks_open(&codec, level, jobs, emit, sink, &gzip->blocks);
}

static void put_number(unsigned char *bytes, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(number >> (8 * i));
}

int gzip_add(struct sink *sink, const void *bytes, size_t count, bool is_last)
{
	/* deflate; no flags, no time; no hint of the level; made on Unix */
	static const unsigned char header[10] = { 0x1f, 0x8b, 8, [9] = 3 };
	struct gzip *gzip = sink->state;
	unsigned char trailer[8];
	int r = 0;

	if (!gzip->has_header)
		r = sink->write(sink->context, header, sizeof(header));
	gzip->has_header = true;
	if (r == 0)
		r = blocks_add(gzip->blocks, bytes, count, is_last);
	if (r < 0 || !is_last)
		return r;
	put_number(trailer, (uint32_t)gzip->sum);
	put_number(trailer + 4, (uint32_t)gzip->length);
	return sink->write(sink->context, trailer, sizeof(trailer));
}

void gzip_close(struct sink *sink)
{
	struct gzip *gzip = sink->state;

	if (gzip)
		blocks_close(gzip->blocks);
	free(gzip);
}
