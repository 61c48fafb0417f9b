/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expand_lzop.c - files of lzop read back; the library only knows blocks
 *
 * In:    a stream
 * Out:   what was packed; the sums of header and blocks are checked
 * Facts: the form of the file is what lzop 1.04 writes and the kernel's lib/decompress_unlzo.c
 *        reads; numbers are big-endian. The kernel takes blocks of at most 256 KB
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <lzo/lzo1x.h>
#include <zlib.h>

#include "expand.h"

#define BLOCK_MOST ((size_t)256 << 10)
#define MAGIC_SIZE 9
#define FIXED_SIZE 25     /* behind the magic, up to the length of the name, as of version 0.940 */
#define OLD_FIXED_SIZE 18 /* the same before it */
#define NAME_MOST 255
#define HEADER_MOST (FIXED_SIZE + 4 + NAME_MOST + 4)

enum lzop_flag {
	PLAIN_ADLER = 0x1,
	PACKED_ADLER = 0x2,
	HAS_EXTRA = 0x40,
	PLAIN_CRC = 0x100,
	PACKED_CRC = 0x200,
	HAS_FILTER = 0x800,
	HEADER_CRC = 0x1000,
};

enum lzop_at { AT_MAGIC, AT_HEADER, AT_SIZE, AT_SIZES, AT_BLOCK };

struct lzop {
	enum lzop_at at;
	unsigned char small[HEADER_MOST], packed[BLOCK_MOST], plain[BLOCK_MOST];
	struct gathered gathered;
	struct given given;
	uint32_t flags;
	size_t plain_size, packed_size;
};

static uint32_t be32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       (uint32_t)bytes[3];
}

static unsigned be16(const unsigned char *bytes)
{
	return (unsigned)bytes[0] << 8 | (unsigned)bytes[1];
}

static void expect(struct lzop *lzop, enum lzop_at at, size_t count)
{
	lzop->at = at;
	lzop->gathered = (struct gathered){ .bytes = lzop->small, .want = count };
	if (at == AT_BLOCK)
		lzop->gathered.bytes = lzop->packed;
}

static int lzop_open(void **ret_state)
{
	struct lzop *lzop = calloc(1, sizeof(*lzop));

	if (!lzop || lzo_init() != LZO_E_OK) {
		free(lzop);
		return -ENOMEM;
	}
	lzop->given.bytes = lzop->plain;
	expect(lzop, AT_MAGIC, MAGIC_SIZE);
	*ret_state = lzop;
	return 0;
}

static bool is_sum_right(bool is_crc, const unsigned char *bytes, size_t count, uint32_t sum)
{
	return (is_crc ? crc32_z(0, bytes, count) : adler32_z(1, bytes, count)) == sum;
}

static int take_magic(struct lzop *lzop)
{
	static const unsigned char magic[MAGIC_SIZE] = { 0x89, 'L',  'Z',  'O', 0,
							 '\r', '\n', 0x1a, '\n' };

	if (memcmp(lzop->small, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	expect(lzop, AT_HEADER, OLD_FIXED_SIZE);
	return 0;
}

/* the header, as far as it is there: how much of it is known grows with what it says */
static int take_header(struct lzop *lzop)
{
	const unsigned char *header = lzop->small;
	bool is_new = be16(header) >= 0x0940;
	size_t fixed = is_new ? FIXED_SIZE : OLD_FIXED_SIZE, total;
	/* version, library's version[, version needed], method[, level], flags */
	const unsigned char *method = header + (is_new ? 6 : 4);

	lzop->flags = be32(method + (is_new ? 2 : 1));
	if (lzop->flags & HAS_FILTER || *method < 1 || *method > 3)
		return -EBADMSG;
	if (lzop->gathered.have < fixed) {
		lzop->gathered.want = fixed;
		return 0;
	}
	total = fixed + header[fixed - 1] + 4;
	if (lzop->gathered.have < total) {
		lzop->gathered.want = total;
		return 0;
	}
	if (lzop->flags & HAS_EXTRA ||
	    !is_sum_right(lzop->flags & HEADER_CRC, header, total - 4, be32(header + total - 4)))
		return -EBADMSG;
	expect(lzop, AT_SIZE, 4);
	return 0;
}

/* the size of what comes out. Return: 1 it is the end, 0, or -errno */
static int take_size(struct lzop *lzop)
{
	lzop->plain_size = be32(lzop->small);
	if (lzop->plain_size == 0) {
		expect(lzop, AT_MAGIC, MAGIC_SIZE);
		return 1;
	}
	if (lzop->plain_size > BLOCK_MOST)
		return -EFBIG;
	expect(lzop, AT_SIZES, 4);
	return 0;
}

static size_t sums(uint32_t flags, uint32_t adler, uint32_t crc)
{
	return 4 * (size_t)((flags & adler ? 1 : 0) + (flags & crc ? 1 : 0));
}

/* the size of what goes in, then the sums behind it */
static int take_sizes(struct lzop *lzop)
{
	size_t want = 4 + sums(lzop->flags, PLAIN_ADLER, PLAIN_CRC);
	size_t have = lzop->gathered.have;

	lzop->packed_size = be32(lzop->small);
	if (lzop->packed_size == 0 || lzop->packed_size > lzop->plain_size)
		return -EBADMSG;
	if (lzop->packed_size < lzop->plain_size) /* a stored block has no sums of its own */
		want += sums(lzop->flags, PACKED_ADLER, PACKED_CRC);
	if (have < want) {
		lzop->gathered.want = want;
		return 0;
	}
	expect(lzop, AT_BLOCK, lzop->packed_size);
	return 0;
}

static bool are_sums_right(const struct lzop *lzop)
{
	const unsigned char *packed = lzop->packed, *plain = lzop->plain;
	const struct {
		uint32_t flag;
		const unsigned char *bytes;
		size_t size;
		bool is_crc, is_of_packed;
	} rows[] = {
		{ PLAIN_ADLER, plain, lzop->plain_size, false, false },
		{ PLAIN_CRC, plain, lzop->plain_size, true, false },
		{ PACKED_ADLER, packed, lzop->packed_size, false, true },
		{ PACKED_CRC, packed, lzop->packed_size, true, true },
	};
	const unsigned char *sum = lzop->small + 4;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (!(lzop->flags & rows[i].flag) ||
		    (rows[i].is_of_packed && lzop->packed_size == lzop->plain_size))
			continue;
		if (!is_sum_right(rows[i].is_crc, rows[i].bytes, rows[i].size, be32(sum)))
			return false;
		sum += 4;
	}
	return true;
}

static int take_block(struct lzop *lzop)
{
	lzo_uint made = lzop->plain_size;

	if (lzop->packed_size == lzop->plain_size)
		memcpy(lzop->plain, lzop->packed, lzop->plain_size);
	else if (lzo1x_decompress_safe(lzop->packed, lzop->packed_size, lzop->plain, &made, NULL) !=
		 LZO_E_OK)
		return -EBADMSG;
	if (made != lzop->plain_size || !are_sums_right(lzop))
		return -EBADMSG;
	lzop->given.at = 0;
	lzop->given.end = made;
	expect(lzop, AT_SIZE, 4);
	return 0;
}

static int lzop_step(void *state, struct expander_window *window)
{
	static int (*const takes[])(struct lzop * lzop) = {
		[AT_MAGIC] = take_magic, [AT_HEADER] = take_header, [AT_SIZE] = take_size,
		[AT_SIZES] = take_sizes, [AT_BLOCK] = take_block,
	};
	struct lzop *lzop = state;
	int r = 0;

	while (r == 0 && give(&lzop->given, window)) {
		if (!gather(&lzop->gathered, window))
			return 0;
		r = takes[lzop->at](lzop);
	}
	return r;
}

const struct codec_functions lzop_functions = { lzop_open, lzop_step, free, NULL, NULL };
