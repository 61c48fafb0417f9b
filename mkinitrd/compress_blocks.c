/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress_blocks.c - a stream cut into blocks that are packed at the same time (see
 * compress_blocks.h)
 *
 * In:    bytes
 * Out:   packed blocks, in order
 * Not:   how a block is packed, and what stands between blocks (the codec)
 *
 * The blocks are a ring. Three counts, each only growing, say what is where: emitted <= begun <=
 * filled. The slot number "filled" is the one being filled.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "compress_blocks.h"

struct slot {
	struct block block;
	unsigned char *memory; /* history, then the block */
	bool is_packed;
	int result;
};

struct blocks {
	const struct block_codec *codec;
	blocks_emit *emit;
	void *context;
	pthread_mutex_t mutex;
	pthread_cond_t is_filled, is_packed;
	struct slot *slots;
	size_t slot_count;
	size_t emitted, begun, filled;
	bool is_stopped;
	size_t in_size;   /* of the slot being filled */
	bool is_prepared; /* it has its history */
	pthread_t *threads;
	void **workers;
	unsigned thread_count;
};

struct start {
	struct blocks *blocks;
	void *worker;
};

static void *work(void *context)
{
	struct start start = *(struct start *)context;
	struct blocks *blocks = start.blocks;

	free(context);
	(void)pthread_mutex_lock(&blocks->mutex);
	for (;;) {
		struct slot *slot;

		while (!blocks->is_stopped && blocks->begun == blocks->filled)
			(void)pthread_cond_wait(&blocks->is_filled, &blocks->mutex);
		if (blocks->is_stopped)
			break;
		slot = &blocks->slots[blocks->begun++ % blocks->slot_count];
		(void)pthread_mutex_unlock(&blocks->mutex);
		slot->result = blocks->codec->pack(start.worker, &slot->block);
		(void)pthread_mutex_lock(&blocks->mutex);
		slot->is_packed = true;
		(void)pthread_cond_signal(&blocks->is_packed);
	}
	(void)pthread_mutex_unlock(&blocks->mutex);
	return NULL;
}

static int slots_open(struct blocks *blocks)
{
	const struct block_codec *codec = blocks->codec;

	blocks->slots = calloc(blocks->slot_count, sizeof(*blocks->slots));
	if (!blocks->slots)
		return -ENOMEM;
	for (size_t i = 0; i < blocks->slot_count; i++) {
		struct slot *slot = &blocks->slots[i];

		slot->memory = malloc(codec->history + codec->block_size);
		slot->block.out = malloc(codec->out_most);
		if (!slot->memory || !slot->block.out)
			return -ENOMEM;
		slot->block.in = slot->memory + codec->history;
	}
	return 0;
}

static int threads_open(struct blocks *blocks, int level, unsigned count)
{
	blocks->threads = calloc(count, sizeof(*blocks->threads));
	blocks->workers = calloc(count, sizeof(*blocks->workers));
	if (!blocks->threads || !blocks->workers)
		return -ENOMEM;
	while (blocks->thread_count < count) {
		struct start *start = malloc(sizeof(*start));
		void *worker = start ? blocks->codec->worker_open(level) : NULL;
		int r = -ENOMEM;

		if (worker) {
			*start = (struct start){ blocks, worker };
			r = -pthread_create(&blocks->threads[blocks->thread_count], NULL, work,
					    start);
		}
		if (r < 0) {
			blocks->codec->worker_close(worker);
			free(start);
			/* fewer threads give the same bytes */
			return blocks->thread_count ? 0 : r;
		}
		blocks->workers[blocks->thread_count++] = worker;
	}
	return 0;
}

int blocks_open(const struct block_codec *codec, int level, unsigned jobs, blocks_emit *emit,
		void *context, struct blocks **ret_blocks)
{
	struct blocks *blocks = calloc(1, sizeof(*blocks));
	unsigned threads = jobs < 1 ? 1 : jobs > codec->threads_most ? codec->threads_most : jobs;
	int r;

	if (!blocks)
		return -ENOMEM;
	blocks->codec = codec;
	blocks->emit = emit;
	blocks->context = context;
	blocks->slot_count = threads + 1; /* one is filled while the others are packed */
	(void)pthread_mutex_init(&blocks->mutex, NULL); /* on Linux these cannot fail */
	(void)pthread_cond_init(&blocks->is_filled, NULL);
	(void)pthread_cond_init(&blocks->is_packed, NULL);
	r = slots_open(blocks);
	if (r == 0)
		r = threads_open(blocks, level, threads);
	if (r < 0) {
		blocks_close(blocks);
		return r;
	}
	*ret_blocks = blocks;
	return 0;
}

/* wait for the oldest block and emit it */
static int emit_oldest(struct blocks *blocks)
{
	struct slot *slot = &blocks->slots[blocks->emitted % blocks->slot_count];
	int r;

	(void)pthread_mutex_lock(&blocks->mutex);
	while (!slot->is_packed)
		(void)pthread_cond_wait(&blocks->is_packed, &blocks->mutex);
	slot->is_packed = false;
	(void)pthread_mutex_unlock(&blocks->mutex);
	r = slot->result < 0 ? slot->result : blocks->emit(blocks->context, &slot->block);
	blocks->emitted++;
	return r;
}

/* the slot to be filled: emptied, and with the end of the block before it */
static int prepare(struct blocks *blocks, struct slot **ret_slot)
{
	const struct block_codec *codec = blocks->codec;
	struct slot *slot = &blocks->slots[blocks->filled % blocks->slot_count];
	const struct slot *before;
	int r = 0;

	if (!blocks->is_prepared && blocks->filled - blocks->emitted == blocks->slot_count)
		r = emit_oldest(blocks);
	if (r < 0)
		return r;
	if (!blocks->is_prepared && blocks->filled) {
		before = &blocks->slots[(blocks->filled - 1) % blocks->slot_count];
		/* a block is longer than the history, and this one is not the first */
		memcpy(slot->memory, before->memory + codec->block_size, codec->history);
	}
	slot->block.history_size = blocks->filled ? codec->history : 0;
	blocks->is_prepared = true;
	*ret_slot = slot;
	return 0;
}

static void submit(struct blocks *blocks, struct slot *slot, bool is_last)
{
	slot->block.in_size = blocks->in_size;
	slot->block.is_last = is_last;
	blocks->in_size = 0;
	blocks->is_prepared = false;
	(void)pthread_mutex_lock(&blocks->mutex);
	blocks->filled++;
	(void)pthread_cond_signal(&blocks->is_filled);
	(void)pthread_mutex_unlock(&blocks->mutex);
}

int blocks_add(struct blocks *blocks, const void *bytes, size_t count, bool is_last)
{
	const unsigned char *position = bytes;
	size_t block_size = blocks->codec->block_size;
	struct slot *slot;
	int r;

	while (count) {
		size_t part = block_size - blocks->in_size;

		r = prepare(blocks, &slot);
		if (r < 0)
			return r;
		if (part > count)
			part = count;
		memcpy(slot->memory + blocks->codec->history + blocks->in_size, position, part);
		blocks->in_size += part;
		position += part;
		count -= part;
		if (blocks->in_size == block_size)
			submit(blocks, slot, false);
	}
	if (!is_last)
		return 0;
	r = prepare(blocks, &slot);
	if (r == 0)
		submit(blocks, slot, true);
	while (r == 0 && blocks->emitted < blocks->filled)
		r = emit_oldest(blocks);
	return r;
}

void blocks_close(struct blocks *blocks)
{
	if (!blocks)
		return;
	(void)pthread_mutex_lock(&blocks->mutex);
	blocks->is_stopped = true;
	(void)pthread_cond_broadcast(&blocks->is_filled);
	(void)pthread_mutex_unlock(&blocks->mutex);
	for (unsigned i = 0; i < blocks->thread_count; i++) {
		(void)pthread_join(blocks->threads[i], NULL);
		blocks->codec->worker_close(blocks->workers[i]);
	}
	for (size_t i = 0; blocks->slots && i < blocks->slot_count; i++) {
		free(blocks->slots[i].memory);
		free(blocks->slots[i].block.out);
	}
	free(blocks->slots);
	free(blocks->threads);
	free(blocks->workers);
	(void)pthread_cond_destroy(&blocks->is_packed);
	(void)pthread_cond_destroy(&blocks->is_filled);
	(void)pthread_mutex_destroy(&blocks->mutex);
	free(blocks);
}
