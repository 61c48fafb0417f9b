/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_reader_squashfs.c - the entries of a SquashFS that an image carries, or is
 *
 * In:    where in the file it lies
 * Out:   its entries as those of the image
 * Not:   the format (squashfs_reader.c)
 */
#include <string.h>
#include <sys/stat.h>

#include "image_reader_private.h"

static int squashfs_broken(struct image_reader *reader, int error)
{
	return reader_broken(
		reader, error, "%s%s", reader->is_squashfs ? "" : SQUASHFS_NAME " in it: ",
		reader->squashfs ? squashfs_reader_problem(reader->squashfs) : "no memory");
}

int reader_squashfs_next(struct image_reader *reader, struct image_entry *ret_entry)
{
	struct squashfs_item item;
	int r = 0;

	reader->piece_left = 0;
	if (!reader->squashfs) {
		r = squashfs_reader_open(reader->fd, reader->squashfs_at, reader->squashfs_size,
					 &reader->squashfs);
		reader->squashfs_size = 0;
	}
	if (r == 0)
		r = squashfs_reader_next(reader->squashfs, &item);
	if (r < 0)
		return squashfs_broken(reader, r);
	if (r == 0) {
		squashfs_reader_cleanup(&reader->squashfs);
		return 0;
	}
	*ret_entry = (struct image_entry){
		.path = item.path,
		.mode = item.mode,
		.uid = item.uid,
		.gid = item.gid,
		.nlink = item.nlink,
		.inode = item.inode,
		.special_major = item.special_major,
		.special_minor = item.special_minor,
		.mtime = item.mtime,
		.size = item.size,
		.target = item.target,
		.segment = reader->is_squashfs ? 0 : reader->segment,
		.name = item.path,
		.offset = reader->squashfs_at,
		.compression = squashfs_reader_compression(reader->squashfs),
		.is_in_squashfs = true,
	};
	return 1;
}

/* what is current is the file that carries one, in a part that is not compressed */
void reader_squashfs_meet(struct image_reader *reader, struct image_entry *entry)
{
	if (!S_ISREG(entry->mode) || entry->size == 0 || entry->compression != COMPRESS_NONE ||
	    !text_equal(entry->path, SQUASHFS_NAME))
		return;
	reader->squashfs_at = segments_position(reader->segments);
	reader->squashfs_size = entry->size;
	entry->is_carrier = true;
}

int image_xattrs(struct image_reader *reader, struct xattrs *ret_xattrs)
{
	int r;

	*ret_xattrs = XATTRS_EMPTY;
	if (!reader->squashfs)
		return 0;
	r = squashfs_reader_xattrs(reader->squashfs, ret_xattrs);
	return r < 0 ? squashfs_broken(reader, r) : 0;
}

ssize_t reader_squashfs_piece(struct image_reader *reader, const unsigned char **ret_piece)
{
	ssize_t count = squashfs_reader_piece(reader->squashfs, ret_piece);

	return count < 0 ? squashfs_broken(reader, (int)count) : count;
}

ssize_t reader_squashfs_read(struct image_reader *reader, void *buffer, size_t size)
{
	if (reader->piece_left == 0) {
		ssize_t count = reader_squashfs_piece(reader, &reader->piece);

		if (count <= 0)
			return count;
		reader->piece_left = (size_t)count;
	}
	if (size > reader->piece_left)
		size = reader->piece_left;
	memcpy(buffer, reader->piece, size);
	reader->piece += size;
	reader->piece_left -= size;
	return (ssize_t)size;
}
