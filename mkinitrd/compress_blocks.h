/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress_blocks.h - a stream cut into blocks that are packed at the same time and come out in
 * order
 *
 * For formats whose library has no threads. Where blocks begin depends on the stream alone, so the
 * bytes do not depend on the number of threads. Memory is bounded by that number. Quiet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block {
	const unsigned char *in; /* the codec's history stands right before it */
	size_t in_size;          /* 0: only in the last block */
	size_t history_size;     /* bytes of the stream before in[0]; at most codec's history */
	bool is_last;
	unsigned char *out; /* room for out_most bytes */
	size_t out_size;    /* pack() sets it */
	uint32_t check;     /* pack() may set it: for emit() */
};

struct block_codec {
	size_t block_size; /* of all blocks but the last */
	size_t history;    /* bytes before a block that pack() wants to see */
	size_t out_most;
	unsigned threads_most;
	void *(*worker_open)(int level); /* what one thread needs; NULL: out of memory */
	int (*pack)(void *worker, struct block *block);
	void (*worker_close)(void *worker); /* takes NULL */
};

/** blocks_emit - called in the order of the stream, by the thread that adds to it */
typedef int blocks_emit(void *context, const struct block *block);

struct blocks;

int blocks_open(const struct block_codec *codec, int level, unsigned jobs, blocks_emit *emit,
		void *context, struct blocks **ret_blocks);

/** blocks_add() - @is_last: nothing follows, and everything is emitted on return */
int blocks_add(struct blocks *blocks, const void *bytes, size_t count, bool is_last);
void blocks_close(struct blocks *blocks);
