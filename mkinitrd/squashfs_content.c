/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_content.c - content and extended attributes of files in a SquashFS
 *
 * In:    the entry that the reader is at, untrusted
 * Out:   its bytes, a block at a time; its attributes
 * Facts: kernel Documentation/filesystems/squashfs.rst; behind a file's inode stands the packed
 * size of each of its blocks, bit 24: not compressed, 0: all zeros; the rest of the file lies in a
 *        fragment, where it has one; bit 8 of an attribute's kind: its value stands elsewhere
 *        (fs/squashfs/squashfs_fs.h)
 */
#include <errno.h>
#include <string.h>

#include "squashfs_reader_private.h"

#define STORED (1u << 24)
#define XATTR_ELSEWHERE 0x100
#define XATTRS_MOST 4096
#define XATTRS_BYTES_MOST ((size_t)1 << 20)

/* a block of data of @size, as the tables say it, at @position. Return: its length, or -errno */
static ssize_t load_block(struct squashfs_reader *reader, uint64_t position, uint32_t size,
			  unsigned char *bytes)
{
	uint32_t packed = size & (STORED - 1), block_size = reader->super.block_size;
	ssize_t length;
	int r;

	if (size > (STORED | (STORED - 1)) || packed > block_size)
		return reader_fail(reader, -EBADMSG, "a block has %u bytes", packed);
	r = reader_bytes(reader, position, size & STORED ? bytes : reader->packed, packed);
	if (r < 0)
		return r;
	if (size & STORED)
		return packed;
	length = unpack_block(reader->super.compressor, reader->packed, packed, bytes, block_size);
	return length < 0 ? reader_fail(reader, (int)length, "a block of '%s' is damaged",
					reader->path)
			  : length;
}

static int load_fragment(struct squashfs_reader *reader, uint32_t index)
{
	const struct super *super = &reader->super;
	unsigned char bytes[16] = { 0 };
	ssize_t length;
	int r;

	if (reader->fragment_index == index)
		return 0;
	if (index >= super->fragment_count || super->fragments == NOT_THERE)
		return reader_fail(reader, -EBADMSG, "a fragment is not in its table");
	r = reader_bytes(reader, super->fragments + index / 512 * UINT64_C(8), bytes, 8);
	if (r == 0)
		r = meta_seek(&reader->other, get64(bytes), index % 512 * 16);
	if (r == 0)
		r = meta_read(&reader->other, bytes, sizeof(bytes));
	if (r < 0)
		return r;
	reader->fragment_index = NO_INDEX;
	length = load_block(reader, get64(bytes), get32(bytes + 8), reader->fragment);
	if (length < 0)
		return (int)length;
	reader->fragment_index = index;
	reader->fragment_size = (size_t)length;
	return 0;
}

static int next_block(struct squashfs_reader *reader, size_t wanted)
{
	unsigned char bytes[4] = { 0 };
	uint32_t size;
	ssize_t length;
	int r = meta_read(&reader->inode, bytes, sizeof(bytes));

	if (r < 0)
		return r;
	size = get32(bytes);
	if (size == 0) {
		memset(reader->block, 0, wanted);
		return 0;
	}
	length = load_block(reader, reader->content.position, size, reader->block);
	if (length < 0)
		return (int)length;
	if ((size_t)length != wanted)
		return reader_fail(reader, -EBADMSG, "a block of '%s' is damaged", reader->path);
	reader->content.position += size & (STORED - 1);
	return 0;
}

ssize_t squashfs_reader_piece(struct squashfs_reader *reader, const unsigned char **ret_piece)
{
	struct content *content = &reader->content;
	size_t block_size = reader->super.block_size;
	size_t wanted = content->left < block_size ? (size_t)content->left : block_size;
	int r = reader->result;

	if (r < 0 || wanted == 0)
		return r;
	if (wanted == block_size || content->fragment == NO_INDEX) {
		r = next_block(reader, wanted);
		*ret_piece = reader->block;
	} else {
		r = load_fragment(reader, content->fragment);
		if (r == 0 && (content->fragment_offset > reader->fragment_size ||
			       wanted > reader->fragment_size - content->fragment_offset))
			r = reader_fail(reader, -EBADMSG, "the end of '%s' is not in its fragment",
					reader->path);
		*ret_piece = r < 0 ? NULL : reader->fragment + content->fragment_offset;
	}
	if (r < 0)
		return r;
	content->left -= wanted;
	return (ssize_t)wanted;
}

/* ---- extended attributes ---- */

/* a value stands behind its name, or, when that is elsewhere, at a reference */
static int read_value(struct squashfs_reader *reader, uint64_t table, bool is_elsewhere,
		      struct text *value)
{
	struct meta *meta = is_elsewhere ? &reader->directory : &reader->other;
	unsigned char bytes[8] = { 0 };
	uint32_t size;
	int r = meta_read(&reader->other, bytes, 4);

	if (r == 0 && is_elsewhere) {
		if (get32(bytes) != 8)
			return reader_fail(reader, -EBADMSG, "an attribute is not of the form");
		r = meta_read(&reader->other, bytes, 8);
		if (r == 0)
			r = meta_seek(meta, table + (get64(bytes) >> 16), get64(bytes) & 0xffff);
		if (r == 0)
			r = meta_read(meta, bytes, 4);
	}
	if (r < 0)
		return r;
	size = get32(bytes);
	if (size > XATTR_VALUE_MOST)
		return reader_fail(reader, -EBADMSG, "an attribute has %u bytes", size);
	for (uint32_t done = 0; r == 0 && done < size;) {
		unsigned char part[512];
		size_t count = size - done < sizeof(part) ? size - done : sizeof(part);

		r = meta_read(meta, part, count);
		if (r == 0)
			text_add_bytes(value, (const char *)part, count);
		done += (uint32_t)count;
	}
	return r == 0 && value->failed ? -ENOMEM : r;
}

static int read_xattr(struct squashfs_reader *reader, uint64_t table, size_t *bytes_left,
		      struct xattrs *xattrs)
{
	static const char *const prefixes[] = { "user.", "trusted.", "security." };
	CLEANUP(text_free) struct text value = TEXT_EMPTY;
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	unsigned char bytes[4] = { 0 };
	char rest[XATTR_NAME_MOST + 1] = "";
	unsigned kind, size;
	int r = meta_read(&reader->other, bytes, sizeof(bytes));

	if (r < 0)
		return r;
	kind = get16(bytes);
	size = get16(bytes + 2);
	if ((kind & ~(unsigned)XATTR_ELSEWHERE) >= COUNT_OF(prefixes) || size == 0 ||
	    size > XATTR_NAME_MOST)
		return reader_fail(reader, -EBADMSG, "an attribute is not of the form");
	r = meta_read(&reader->other, rest, size);
	if (r == 0 && strlen(rest) != size)
		r = reader_fail(reader, -EBADMSG, "there is a NUL inside of an attribute's name");
	if (r == 0)
		r = read_value(reader, table, kind & XATTR_ELSEWHERE, &value);
	if (r < 0)
		return r;
	if (value.length + size > *bytes_left)
		return reader_fail(reader, -EFBIG, "'%s' has too many attributes", reader->path);
	*bytes_left -= value.length + size;
	text_format(&name, "%s%s", prefixes[kind & ~(unsigned)XATTR_ELSEWHERE], rest);
	return name.failed
		       ? -ENOMEM
		       : xattrs_set(xattrs, text_string(&name), text_string(&value), value.length);
}

int squashfs_reader_xattrs(struct squashfs_reader *reader, struct xattrs *ret_xattrs)
{
	uint64_t at = reader->super.xattrs, table;
	size_t bytes_left = XATTRS_BYTES_MOST;
	unsigned char bytes[16] = { 0 };
	uint32_t count = 0;
	int r = reader->result;

	*ret_xattrs = XATTRS_EMPTY;
	if (r < 0 || reader->xattr == NO_INDEX)
		return r;
	if (at == NOT_THERE)
		return reader_fail(reader, -EBADMSG, "it has no table of attributes");
	r = reader_bytes(reader, at, bytes, sizeof(bytes));
	table = get64(bytes);
	if (r == 0 && reader->xattr >= get32(bytes + 8))
		r = reader_fail(reader, -EBADMSG, "an attribute is not in its table");
	if (r == 0)
		r = reader_bytes(reader, at + 16 + reader->xattr / 512 * UINT64_C(8), bytes, 8);
	if (r == 0)
		r = meta_seek(&reader->other, get64(bytes), reader->xattr % 512 * 16);
	if (r == 0)
		r = meta_read(&reader->other, bytes, sizeof(bytes));
	if (r == 0) {
		count = get32(bytes + 8);
		r = meta_seek(&reader->other, table + (get64(bytes) >> 16), get64(bytes) & 0xffff);
	}
	if (r == 0 && count > XATTRS_MOST)
		r = reader_fail(reader, -EFBIG, "'%s' has %u attributes", reader->path, count);
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = read_xattr(reader, table, &bytes_left, ret_xattrs);
	if (r < 0)
		xattrs_free(ret_xattrs);
	return r;
}
