/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress_lz4.c - lz4 in the one form that the kernel unpacks, on all cores
 *
 * In:    bytes
 * Out:   a legacy frame: its magic number, then blocks of 8 MiB, each behind its packed size
 * Facts: lib/decompress_unlz4.c of the kernel; lz4_Frame_format.md, "Legacy frame": numbers are
 *        little-endian, every block but the last is full, the frame ends with the file
 */
#include <errno.h>
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <string.h>

#include "compress_blocks.h"
#include "compress_sink.h"

#define BLOCK_SIZE ((size_t)8 << 20)
#define THREADS_MOST 8  /* each holds two blocks */
#define LEVEL_CAREFUL 3 /* from here on the careful search, as the lz4 program has it */

struct lz4 {
	struct blocks *blocks;
	bool has_magic;
};

struct worker {
	int level;
	void *state;
};

static void worker_close(void *context)
{
	struct worker *worker = context;

	if (worker)
		free(worker->state);
	free(worker);
}

static void *worker_open(int level)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->level = level;
	worker->state =
		malloc((size_t)(level < LEVEL_CAREFUL ? LZ4_sizeofState() : LZ4_sizeofStateHC()));
	if (!worker->state) {
		worker_close(worker);
		return NULL;
	}
	return worker;
}

static int pack(void *context, struct block *block)
{
	const struct worker *worker = context;
	const char *in = (const char *)block->in;
	char *out = (char *)block->out + 4;
	int most = LZ4_COMPRESSBOUND(BLOCK_SIZE);
	int size;

	block->out_size = 0;
	if (block->in_size == 0)
		return 0;
	if (worker->level < LEVEL_CAREFUL)
		size = LZ4_compress_fast_extState(worker->state, in, out, (int)block->in_size, most,
						  1);
	else
		size = LZ4_compress_HC_extStateHC(worker->state, in, out, (int)block->in_size, most,
						  worker->level);
	if (size <= 0)
		return -EINVAL;
	for (int i = 0; i < 4; i++)
		block->out[i] = (unsigned char)((unsigned)size >> (8 * i));
	block->out_size = (size_t)size + 4;
	return 0;
}

static const struct block_codec codec = {
	.block_size = BLOCK_SIZE,
	.out_most = LZ4_COMPRESSBOUND(BLOCK_SIZE) + 4,
	.threads_most = THREADS_MOST,
	.worker_open = worker_open,
	.pack = pack,
	.worker_close = worker_close,
};

static int emit(void *context, const struct block *block)
{
	const struct sink *sink = context;

	return block->out_size ? sink->write(sink->context, block->out, block->out_size) : 0;
}

int lz4_open(struct sink *sink, int level, unsigned jobs)
{
	struct lz4 *lz4 = calloc(1, sizeof(*lz4));

	sink->state = lz4;
	return lz4 ? blocks_open(&codec, level, jobs, emit, sink, &lz4->blocks) : -ENOMEM;
}

int lz4_add(struct sink *sink, const void *bytes, size_t count, bool is_last)
{
	static const unsigned char magic[4] = { 0x02, 0x21, 0x4c, 0x18 };
	struct lz4 *lz4 = sink->state;
	int r = 0;

	if (!lz4->has_magic)
		r = sink->write(sink->context, magic, sizeof(magic));
	lz4->has_magic = true;
	return r < 0 ? r : blocks_add(lz4->blocks, bytes, count, is_last);
}

void lz4_close(struct sink *sink)
{
	struct lz4 *lz4 = sink->state;

	if (lz4)
		blocks_close(lz4->blocks);
	free(lz4);
}
