/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_reader.c - what a SquashFS holds (see squashfs_reader.h)
 *
 * In:    a part of a file, untrusted
 * Out:   entries: a directory, then what it holds, in the order of its list
 * Not:   inodes (squashfs_inode.c), content (squashfs_content.c), compression (squashfs_unpack.c)
 * Facts: kernel Documentation/filesystems/squashfs.rst: a list of names has headers for up to 256
 *        names whose inodes lie in one block
 *
 * A directory has one name. Each is read once, so that a list which leads back to itself, or to one
 * below it again and again, ends.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "squashfs_reader_private.h"

#define SUPER_SIZE 96
#define BLOCK_LOG_LEAST 12
#define BLOCK_LOG_MOST 20
#define LEVELS_MOST 2048
#define ITEMS_MOST ((uint64_t)4 << 20)

int reader_fail(struct squashfs_reader *reader, int error, const char *format, ...)
{
	va_list arguments;

	if (reader->result == 0) {
		va_start(arguments, format);
		(void)vsnprintf(reader->problem, sizeof(reader->problem), format, arguments);
		va_end(arguments);
		reader->result = error;
	}
	return error;
}

/* ---- opening ---- */

static int check_super(struct squashfs_reader *reader, const unsigned char *bytes, uint64_t held)
{
	const struct super *super = &reader->super;
	enum compression compression;
	unsigned log = get16(bytes + 22);

	if (memcmp(bytes, "hsqs", 4) != 0)
		return reader_fail(reader, -EBADMSG, "it is no SquashFS");
	if (get16(bytes + 28) != 4 || get16(bytes + 30) != 0)
		return reader_fail(reader, -EBADMSG,
				   "it is of version %u.%u, and 4.0 is what kernels mount; make it "
				   "again",
				   get16(bytes + 28), get16(bytes + 30));
	if (!unpack_knows(super->compressor, &compression))
		return reader_fail(reader, -EBADMSG,
				   "it is compressed with number %u, which is not known",
				   super->compressor);
	if (log < BLOCK_LOG_LEAST || log > BLOCK_LOG_MOST || super->block_size != 1u << log)
		return reader_fail(reader, -EBADMSG, "its blocks have %u bytes", super->block_size);
	if (super->size > held)
		return reader_fail(reader, -EBADMSG,
				   "it is cut off: %llu of its %llu bytes are there",
				   (unsigned long long)held, (unsigned long long)super->size);
	if (super->size < SUPER_SIZE || super->inodes >= super->size ||
	    super->directories >= super->size || super->ids >= super->size ||
	    super->inodes > super->directories || super->id_count == 0)
		return reader_fail(reader, -EBADMSG, "its superblock is damaged");
	return 0;
}

static int read_super(struct squashfs_reader *reader, uint64_t held)
{
	unsigned char bytes[SUPER_SIZE];
	int r;

	reader->super.size = held;
	if (held < SUPER_SIZE)
		return reader_fail(reader, -EBADMSG, "it is cut off: %llu bytes of it are there",
				   (unsigned long long)held);
	r = reader_bytes(reader, 0, bytes, sizeof(bytes));
	if (r < 0)
		return r;
	reader->super = (struct super){
		.block_size = get32(bytes + 12),
		.fragment_count = get32(bytes + 16),
		.compressor = get16(bytes + 20),
		.id_count = get16(bytes + 26),
		.root = get64(bytes + 32),
		.size = get64(bytes + 40),
		.ids = get64(bytes + 48),
		.xattrs = get64(bytes + 56),
		.inodes = get64(bytes + 64),
		.directories = get64(bytes + 72),
		.fragments = get64(bytes + 80),
	};
	return check_super(reader, bytes, held);
}

static int read_ids(struct squashfs_reader *reader)
{
	size_t count = reader->super.id_count, per_block = META_SIZE / 4;
	unsigned char bytes[8] = { 0 };
	int r = 0;

	reader->ids = calloc(count, sizeof(*reader->ids));
	if (!reader->ids)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (i % per_block == 0) {
			r = reader_bytes(reader, reader->super.ids + i / per_block * 8, bytes, 8);
			if (r == 0)
				r = meta_seek(&reader->other, get64(bytes), 0);
		}
		if (r == 0)
			r = meta_read(&reader->other, bytes, 4);
		reader->ids[i] = get32(bytes);
	}
	return r;
}

static int level_push(struct squashfs_reader *reader, const struct level *list)
{
	if (reader->depth == LEVELS_MOST)
		return reader_fail(reader, -EBADMSG, "its directories are too deep");
	if (reader->depth == reader->levels_allocated) {
		size_t more = reader->depth ? reader->depth * 2 : 16;
		struct level *levels = reallocarray(reader->levels, more, sizeof(*levels));

		if (!levels)
			return reader_fail(reader, -ENOMEM, "no memory");
		reader->levels = levels;
		reader->levels_allocated = more;
	}
	reader->levels[reader->depth] = *list;
	reader->levels[reader->depth++].path_length = strlen(reader->path);
	return 0;
}

static int read_root(struct squashfs_reader *reader)
{
	struct squashfs_item item;
	struct level list;
	int r = inode_read(reader, reader->super.root, &item, &list);

	if (r < 0)
		return r;
	if (!S_ISDIR(item.mode))
		return reader_fail(reader, -EBADMSG, "its root is no directory");
	return level_push(reader, &list);
}

static void meta_start(struct squashfs_reader *reader, struct meta *meta, uint64_t end)
{
	meta->reader = reader;
	meta->end = end;
	meta->block = NOT_THERE;
}

int squashfs_reader_open(int fd, uint64_t offset, uint64_t held,
			 struct squashfs_reader **ret_reader)
{
	struct squashfs_reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	*ret_reader = reader;
	reader->fd = fd;
	reader->offset = offset;
	reader->fragment_index = NO_INDEX;
	r = read_super(reader, held);
	if (r < 0)
		return r;
	meta_start(reader, &reader->inode, reader->super.directories);
	meta_start(reader, &reader->directory, reader->super.size);
	meta_start(reader, &reader->other, reader->super.size);
	reader->packed = malloc(reader->super.block_size);
	reader->block = malloc(reader->super.block_size);
	reader->fragment = malloc(reader->super.block_size);
	if (!reader->packed || !reader->block || !reader->fragment)
		return reader_fail(reader, -ENOMEM, "no memory");
	r = read_ids(reader);
	return r < 0 ? r : read_root(reader);
}

void squashfs_reader_close(struct squashfs_reader *reader)
{
	if (!reader)
		return;
	free(reader->ids);
	free(reader->levels);
	free(reader->visited);
	free(reader->packed);
	free(reader->block);
	free(reader->fragment);
	free(reader);
}

const char *squashfs_reader_problem(const struct squashfs_reader *reader)
{
	return reader->problem[0] ? reader->problem : "no memory";
}

enum compression squashfs_reader_compression(const struct squashfs_reader *reader)
{
	enum compression compression = COMPRESS_NONE;

	(void)unpack_knows(reader->super.compressor, &compression);
	return compression;
}

uint64_t squashfs_reader_size(const struct squashfs_reader *reader)
{
	return reader->super.size;
}

/* ---- directories ---- */

/* Return: whether @reference was put into the empty place where it belongs */
static bool visit(uint64_t *places, size_t size, uint64_t reference)
{
	size_t at = (size_t)((reference + 1) * UINT64_C(0x9e3779b97f4a7c15)) & (size - 1);

	while (places[at] && places[at] != reference + 1)
		at = (at + 1) & (size - 1);
	if (places[at])
		return false;
	places[at] = reference + 1;
	return true;
}

/* a directory is met for the first time. Return: 0 or -errno */
static int visit_once(struct squashfs_reader *reader, uint64_t reference)
{
	if (reader->visited_count * 2 >= reader->visited_size) {
		size_t size = reader->visited_size ? reader->visited_size * 2 : 1024;
		uint64_t *places = calloc(size, sizeof(*places));

		if (!places)
			return reader_fail(reader, -ENOMEM, "no memory");
		for (size_t i = 0; i < reader->visited_size; i++)
			if (reader->visited[i])
				(void)visit(places, size, reader->visited[i] - 1);
		free(reader->visited);
		reader->visited = places;
		reader->visited_size = size;
	}
	reader->visited_count++;
	return visit(reader->visited, reader->visited_size, reference)
		       ? 0
		       : reader_fail(reader, -EBADMSG, "directory '%s' stands in it twice",
				     reader->path);
}

static int take(struct squashfs_reader *reader, struct level *level, void *bytes, size_t count)
{
	if (count > level->left)
		return reader_fail(reader, -EBADMSG, "the list of a directory is damaged");
	level->left -= count;
	return meta_read(&reader->directory, bytes, count);
}

static int read_header(struct squashfs_reader *reader, struct level *level)
{
	unsigned char bytes[12] = { 0 };
	int r = take(reader, level, bytes, sizeof(bytes));

	if (r < 0)
		return r;
	if (get32(bytes) > 255)
		return reader_fail(reader, -EBADMSG, "the list of a directory is damaged");
	level->names = get32(bytes) + 1;
	level->inodes = get32(bytes + 4);
	return 0;
}

static bool is_name(const char *name, size_t length)
{
	return strlen(name) == length && !strchr(name, '/') && !text_equal(name, ".") &&
	       !text_equal(name, "..");
}

/* the next name goes behind the path. Return: 0 or -errno */
static int read_name(struct squashfs_reader *reader, struct level *level, uint64_t *ret_reference)
{
	unsigned char bytes[8] = { 0 };
	char name[257] = "";
	size_t length;
	int r = meta_seek(&reader->directory, level->block, level->at);

	if (r == 0 && level->names == 0)
		r = read_header(reader, level);
	if (r == 0)
		r = take(reader, level, bytes, sizeof(bytes));
	if (r < 0)
		return r;
	length = (size_t)get16(bytes + 6) + 1;
	if (length > 256)
		return reader_fail(reader, -EBADMSG, "a name has %zu bytes", length);
	r = take(reader, level, name, length);
	if (r < 0)
		return r;
	if (!is_name(name, length))
		return reader_fail(reader, -EBADMSG, "a name is none");
	if (level->path_length + 1 + length >= sizeof(reader->path))
		return reader_fail(reader, -EBADMSG, "a path is too long");
	(void)snprintf(reader->path + level->path_length, sizeof(reader->path) - level->path_length,
		       "%s%s", level->path_length ? "/" : "", name);
	level->names--;
	level->block = reader->directory.block;
	level->at = reader->directory.at;
	*ret_reference = level->inodes << 16 | get16(bytes);
	return 0;
}

int squashfs_reader_next(struct squashfs_reader *reader, struct squashfs_item *ret_item)
{
	uint64_t reference = 0;
	struct level list;
	int r = reader->result;

	if (r < 0)
		return r;
	while (reader->depth && reader->levels[reader->depth - 1].left == 0)
		reader->depth--;
	if (reader->depth == 0)
		return 0;
	if (++reader->items > ITEMS_MOST)
		return reader_fail(reader, -EFBIG, "it has more than %llu entries",
				   (unsigned long long)ITEMS_MOST);
	r = read_name(reader, &reader->levels[reader->depth - 1], &reference);
	if (r == 0)
		r = inode_read(reader, reference, ret_item, &list);
	if (r == 0 && S_ISDIR(ret_item->mode)) {
		r = visit_once(reader, reference);
		if (r == 0)
			r = level_push(reader, &list);
	}
	ret_item->path = reader->path;
	return r < 0 ? r : 1;
}
