/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expand_lz4.c - lz4 streams read back: the kernel's form, and today's frame
 *
 * In:    a stream; its first byte says which form it has
 * Out:   what was packed
 * Facts: lz4_Frame_format.md, "Legacy frame": blocks of at most 8 MB, each behind its packed size
 * as 32 bits, and no mark at the end: the stream ends with the file, or where no size of a block
 *        stands. The kernel ends at a size of 0, too, and skips the magic bytes in between
 *        (lib/decompress_unlz4.c)
 */
#include <errno.h>
#include <stdint.h>
#include <lz4.h>
#include <lz4frame.h>

#include "expand.h"

#define BLOCK_MOST (8 << 20)
#define LEGACY_MAGIC 0x184c2102u

enum lz4_at { AT_START, AT_SIZE, AT_BLOCK, AT_FRAME };

struct lz4 {
	enum lz4_at at;
	unsigned char size_bytes[4];
	struct gathered size, block;
	struct given given;
	size_t unread;
	bool has_block; /* nothing but the magic bytes is a stream that is cut off */
	LZ4F_dctx *frame;
};

static uint32_t le32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

static void lz4_close(void *state)
{
	struct lz4 *lz4 = state;

	(void)LZ4F_freeDecompressionContext(lz4->frame);
	free(lz4->block.bytes);
	free(lz4->given.bytes);
	free(lz4);
}

static int lz4_open(void **ret_state)
{
	struct lz4 *lz4 = calloc(1, sizeof(*lz4));

	if (!lz4)
		return -ENOMEM;
	lz4->size = (struct gathered){ .bytes = lz4->size_bytes, .want = 4 };
	*ret_state = lz4;
	return 0;
}

static int start(struct lz4 *lz4, unsigned char first)
{
	if (first == 0x04) {
		lz4->at = AT_FRAME;
		if (!lz4->frame &&
		    LZ4F_isError(LZ4F_createDecompressionContext(&lz4->frame, LZ4F_VERSION)))
			return -ENOMEM;
		return 0;
	}
	lz4->at = AT_SIZE;
	lz4->has_block = false;
	if (!lz4->block.bytes)
		lz4->block.bytes = malloc(LZ4_COMPRESSBOUND(BLOCK_MOST));
	if (!lz4->given.bytes)
		lz4->given.bytes = malloc(BLOCK_MOST);
	return lz4->block.bytes && lz4->given.bytes ? 0 : -ENOMEM;
}

static int frame_step(struct lz4 *lz4, struct expander_window *window)
{
	size_t in_size = window->in_size, out_size = window->out_size;
	size_t r = LZ4F_decompress(lz4->frame, window->out, &out_size, window->in, &in_size, NULL);

	window->in += in_size;
	window->in_size -= in_size;
	window->out += out_size;
	window->out_size -= out_size;
	if (LZ4F_isError(r))
		return -EBADMSG;
	if (r == 0)
		lz4->at = AT_START;
	return r == 0;
}

/* the four bytes where a size should be. Return: 1 the stream ends before them, or 0 */
static int take_size(struct lz4 *lz4)
{
	uint32_t size = le32(lz4->size_bytes);

	lz4->size.have = 0;
	if (size == LEGACY_MAGIC)
		return 0;
	if (size == 0 || size > LZ4_COMPRESSBOUND(BLOCK_MOST)) {
		lz4->unread = sizeof(lz4->size_bytes);
		lz4->at = AT_START;
		return 1;
	}
	lz4->block.have = 0;
	lz4->block.want = size;
	lz4->at = AT_BLOCK;
	return 0;
}

static int take_block(struct lz4 *lz4)
{
	int made = LZ4_decompress_safe((const char *)lz4->block.bytes, (char *)lz4->given.bytes,
				       (int)lz4->block.want, BLOCK_MOST);

	if (made < 0)
		return -EBADMSG;
	lz4->given.at = 0;
	lz4->given.end = (size_t)made;
	lz4->has_block = true;
	lz4->at = AT_SIZE;
	return 0;
}

static int lz4_step(void *state, struct expander_window *window)
{
	struct lz4 *lz4 = state;
	int r = 0;

	lz4->unread = 0;
	if (lz4->at == AT_START && window->in_size)
		r = start(lz4, window->in[0]);
	if (r < 0 || lz4->at == AT_START)
		return r;
	if (lz4->at == AT_FRAME)
		return frame_step(lz4, window);
	while (r == 0 && give(&lz4->given, window)) {
		bool is_size = lz4->at == AT_SIZE;

		if (!gather(is_size ? &lz4->size : &lz4->block, window))
			return 0;
		r = is_size ? take_size(lz4) : take_block(lz4);
	}
	return r;
}

static bool lz4_may_end(const void *state)
{
	const struct lz4 *lz4 = state;

	return lz4->has_block && lz4->at == AT_SIZE && lz4->size.have == 0 &&
	       lz4->given.at == lz4->given.end;
}

static size_t lz4_unread(const void *state)
{
	return ((const struct lz4 *)state)->unread;
}

const struct codec_functions lz4_functions = { lz4_open, lz4_step, lz4_close, lz4_may_end,
					       lz4_unread };
