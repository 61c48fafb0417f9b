/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_inode.c - metadata and inodes of a SquashFS
 *
 * In:    references, untrusted
 * Out:   bytes of metadata; an inode as a struct
 * Not:   directories (squashfs_reader.c), content and attributes (squashfs_content.c)
 * Facts: kernel Documentation/filesystems/squashfs.rst; a block of metadata has 8192 bytes at most,
 *        and two before it with its packed size, of which the highest bit says that it is not
 *        compressed; device numbers as new_decode_dev() takes them (include/linux/kdev_t.h)
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "squashfs_reader_private.h"
#include "../init/lib/file.h"

#define STORED 0x8000
#define TYPE_EXTENDED 7 /* added to a type: the inode's longer form */

int reader_bytes(struct squashfs_reader *reader, uint64_t position, void *bytes, size_t count)
{
	int r;

	if (position > reader->super.size || count > reader->super.size - position)
		return reader_fail(reader, -EBADMSG, "it points behind its end");
	r = file_read_at(reader->fd, bytes, count, reader->offset + position);
	return r < 0 ? reader_fail(reader, r, "reading failed") : 0;
}

/* unpack the block at @position. Return: 0 or -errno */
static int meta_load(struct meta *meta, uint64_t position)
{
	struct squashfs_reader *reader = meta->reader;
	unsigned char header[2] = { 0 }, packed[META_SIZE];
	bool is_stored;
	size_t size;
	ssize_t used;
	int r;

	meta->block = NOT_THERE;
	if (position >= meta->end)
		return reader_fail(reader, -EBADMSG, "its metadata has no end");
	r = reader_bytes(reader, position, header, sizeof(header));
	if (r < 0)
		return r;
	is_stored = get16(header) & STORED;
	size = get16(header) & (STORED - 1);
	if (size == 0 || size > META_SIZE)
		return reader_fail(reader, -EBADMSG, "a block of its metadata has %zu bytes", size);
	r = reader_bytes(reader, position + sizeof(header), is_stored ? meta->bytes : packed, size);
	if (r < 0)
		return r;
	used = is_stored ? (ssize_t)size
			 : unpack_block(reader->super.compressor, packed, size, meta->bytes,
					META_SIZE);
	if (used <= 0)
		return reader_fail(reader, used < 0 ? (int)used : -EBADMSG,
				   "a block of its metadata is damaged");
	meta->block = position;
	meta->next = position + sizeof(header) + size;
	meta->used = (size_t)used;
	meta->at = 0;
	return 0;
}

int meta_seek(struct meta *meta, uint64_t block, size_t at)
{
	int r = meta->block == block ? 0 : meta_load(meta, block);

	if (r < 0)
		return r;
	if (at > meta->used)
		return reader_fail(meta->reader, -EBADMSG, "it points behind a block's end");
	meta->at = at;
	return 0;
}

int meta_read(struct meta *meta, void *bytes, size_t count)
{
	unsigned char *position = bytes;

	while (count) {
		size_t part = meta->used - meta->at;
		int r;

		if (part == 0) {
			r = meta_load(meta, meta->next);
			if (r < 0)
				return r;
			continue;
		}
		if (part > count)
			part = count;
		if (position) {
			memcpy(position, meta->bytes + meta->at, part);
			position += part;
		}
		meta->at += part;
		count -= part;
	}
	return 0;
}

/* a directory's list is 3 bytes shorter than it says, and may be empty */
static void list_set(struct squashfs_reader *reader, struct level *list, uint32_t block,
		     uint16_t at, uint32_t size)
{
	*list = (struct level){
		.block = reader->super.directories + block,
		.at = at,
		.left = size > 3 ? size - 3 : 0,
	};
}

static int read_directory(struct squashfs_reader *reader, bool is_extended,
			  struct squashfs_item *item, struct level *list)
{
	unsigned char bytes[24] = { 0 };
	int r = meta_read(&reader->inode, bytes, is_extended ? 24 : 16);

	if (r < 0)
		return r;
	item->nlink = get32(bytes + (is_extended ? 0 : 4));
	if (is_extended)
		list_set(reader, list, get32(bytes + 8), get16(bytes + 18), get32(bytes + 4));
	else
		list_set(reader, list, get32(bytes), get16(bytes + 10), get16(bytes + 8));
	reader->xattr = is_extended ? get32(bytes + 20) : NO_INDEX;
	return 0;
}

static int read_file(struct squashfs_reader *reader, bool is_extended, struct squashfs_item *item)
{
	struct content *content = &reader->content;
	unsigned char bytes[40] = { 0 };
	int r = meta_read(&reader->inode, bytes, is_extended ? 40 : 16);

	if (r < 0)
		return r;
	item->size = is_extended ? get64(bytes + 8) : get32(bytes + 12);
	item->nlink = is_extended ? get32(bytes + 24) : 1;
	reader->xattr = is_extended ? get32(bytes + 36) : NO_INDEX;
	if (item->size > INT64_MAX)
		return reader_fail(reader, -EBADMSG, "a file has more bytes than there are");
	*content = (struct content){
		.left = item->size,
		.position = is_extended ? get64(bytes) : get32(bytes),
		.fragment = get32(bytes + (is_extended ? 28 : 4)),
		.fragment_offset = get32(bytes + (is_extended ? 32 : 8)),
	};
	return 0;
}

static int read_symlink(struct squashfs_reader *reader, bool is_extended,
			struct squashfs_item *item)
{
	unsigned char bytes[8] = { 0 };
	uint32_t size;
	int r = meta_read(&reader->inode, bytes, 8);

	if (r < 0)
		return r;
	item->nlink = get32(bytes);
	size = get32(bytes + 4);
	if (size == 0 || size >= sizeof(reader->target))
		return reader_fail(reader, -EBADMSG, "a symlink has a target of %u bytes", size);
	r = meta_read(&reader->inode, reader->target, size);
	if (r < 0)
		return r;
	reader->target[size] = '\0';
	if (strlen(reader->target) != size)
		return reader_fail(reader, -EBADMSG, "there is a NUL inside of a symlink");
	item->target = reader->target;
	item->size = size;
	if (!is_extended)
		return 0;
	r = meta_read(&reader->inode, bytes, 4);
	reader->xattr = get32(bytes);
	return r;
}

static int read_special(struct squashfs_reader *reader, bool is_extended, bool is_device,
			struct squashfs_item *item)
{
	unsigned char bytes[12] = { 0 };
	size_t count = 4 + (is_device ? 4u : 0) + (is_extended ? 4u : 0);
	int r = meta_read(&reader->inode, bytes, count);
	uint32_t device;

	if (r < 0)
		return r;
	item->nlink = get32(bytes);
	if (is_extended)
		reader->xattr = get32(bytes + count - 4);
	if (!is_device)
		return 0;
	device = get32(bytes + 4);
	item->special_major = (device >> 8) & 0xfff;
	item->special_minor = (device & 0xff) | ((device >> 12) & 0xfff00);
	return 0;
}

int inode_read(struct squashfs_reader *reader, uint64_t reference, struct squashfs_item *item,
	       struct level *ret_list)
{
	static const mode_t types[] = { 0,       S_IFDIR, S_IFREG, S_IFLNK,
					S_IFBLK, S_IFCHR, S_IFIFO, S_IFSOCK };
	unsigned char bytes[16] = { 0 };
	unsigned type, bare;
	int r = meta_seek(&reader->inode, reader->super.inodes + (reference >> 16),
			  (size_t)(reference & 0xffff));

	if (r == 0)
		r = meta_read(&reader->inode, bytes, sizeof(bytes));
	if (r < 0)
		return r;
	type = get16(bytes);
	bare = type > TYPE_EXTENDED ? type - TYPE_EXTENDED : type;
	if (type == 0 || bare > TYPE_EXTENDED)
		return reader_fail(reader, -EBADMSG, "an inode is of type %u", type);
	if (get16(bytes + 4) >= reader->super.id_count ||
	    get16(bytes + 6) >= reader->super.id_count)
		return reader_fail(reader, -EBADMSG, "an owner is not in its table");
	*item = (struct squashfs_item){
		.mode = types[bare] | (get16(bytes + 2) & 07777),
		.uid = reader->ids[get16(bytes + 4)],
		.gid = reader->ids[get16(bytes + 6)],
		.mtime = get32(bytes + 8),
		.inode = get32(bytes + 12),
	};
	reader->content = (struct content){ .fragment = NO_INDEX };
	reader->xattr = NO_INDEX;
	if (S_ISDIR(item->mode))
		return read_directory(reader, type != bare, item, ret_list);
	if (S_ISREG(item->mode))
		return read_file(reader, type != bare, item);
	if (S_ISLNK(item->mode))
		return read_symlink(reader, type != bare, item);
	return read_special(reader, type != bare, S_ISBLK(item->mode) || S_ISCHR(item->mode), item);
}
