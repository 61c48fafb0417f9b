/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_reader_private.h - shared by squashfs_reader*.c; all others see squashfs_reader.h
 */
#pragma once

#include <stdbool.h>

#include "squashfs_reader.h"
#include "../init/lib/cleanup.h"
#include "../init/lib/text.h"

#define META_SIZE 8192
#define NOT_THERE UINT64_MAX
#define NO_INDEX UINT32_MAX

struct super {
	uint64_t size;                                        /* bytes used */
	uint64_t root;                                        /* reference of its inode */
	uint64_t ids, xattrs, inodes, directories, fragments; /* tables; NOT_THERE */
	uint32_t block_size, fragment_count;
	uint16_t compressor, id_count;
};

/* a place in metadata, which is a chain of blocks that are unpacked one by one */
struct meta {
	struct squashfs_reader *reader;
	uint64_t end;   /* no block begins here or behind it */
	uint64_t block; /* where the unpacked one begins; NOT_THERE: none is */
	uint64_t next;  /* where the one after it begins */
	size_t at, used;
	unsigned char bytes[META_SIZE];
};

/* a directory that is being read */
struct level {
	uint64_t block;  /* where in the directories the next name stands */
	size_t at;       /* in that block, unpacked */
	uint64_t left;   /* bytes of the list */
	uint32_t names;  /* left below the last header */
	uint64_t inodes; /* of that header: a block of inodes */
	size_t path_length;
};

/* content of the current entry */
struct content {
	uint64_t left;     /* bytes, of blocks and fragment */
	uint64_t position; /* of the next block */
	uint32_t fragment, fragment_offset;
};

struct squashfs_reader {
	int fd;
	uint64_t offset;
	struct super super;
	uint32_t *ids;
	struct meta inode, directory, other;
	struct level *levels;
	size_t depth, levels_allocated;
	struct content content;
	uint32_t xattr;    /* of the current entry; NO_INDEX: none */
	uint64_t *visited; /* references of directories: open addressing, 0 is empty */
	size_t visited_count, visited_size;
	uint64_t items;
	unsigned char *packed, *block; /* a data block each */
	unsigned char *fragment;       /* the last one, unpacked */
	uint32_t fragment_index;
	size_t fragment_size;
	char path[4096], target[65536];
	char problem[200];
	int result; /* the first failure stays */
};

/** reader_fail() - words for what is wrong, once. Return: @error */
int reader_fail(struct squashfs_reader *reader, int error, const char *format, ...)
	PRINTF_LIKE(3, 4);

static inline uint16_t get16(const unsigned char *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t get32(const unsigned char *bytes)
{
	return get16(bytes) | (uint32_t)get16(bytes + 2) << 16;
}

static inline uint64_t get64(const unsigned char *bytes)
{
	return get32(bytes) | (uint64_t)get32(bytes + 4) << 32;
}

/** unpack_block() - @packed into at most @room bytes; quiet. Return: their number, -EBADMSG,
 * -ENOMEM */
ssize_t unpack_block(uint16_t compressor, const unsigned char *packed, size_t size,
		     unsigned char *bytes, size_t room);

/** unpack_knows() - whether unpack_block() knows a compressor */
bool unpack_knows(uint16_t compressor, enum compression *ret_compression);

/** reader_bytes() - @count bytes at @position of the SquashFS. Return: 0 or -errno, with words */
int reader_bytes(struct squashfs_reader *reader, uint64_t position, void *bytes, size_t count);

/** meta_seek() - to byte @at of the block at @block, which is unpacked. Return: 0 or -errno */
int meta_seek(struct meta *meta, uint64_t block, size_t at);

/** meta_read() - @count bytes; NULL @bytes: they are skipped. Return: 0 or -errno */
int meta_read(struct meta *meta, void *bytes, size_t count);

/** inode_read() - the inode at @reference into @item; content and xattr of the reader follow.
 * @ret_list: of directories. Return: 0 or -errno */
int inode_read(struct squashfs_reader *reader, uint64_t reference, struct squashfs_item *item,
	       struct level *ret_list);
