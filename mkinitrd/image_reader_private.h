/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_reader_private.h - shared by image_reader*.c; all others see image.h
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cpio.h"
#include "fail.h"
#include "image.h"
#include "segment.h"
#include "squashfs_reader.h"

struct image_reader {
	char *label;
	int fd;
	struct squashfs_reader *squashfs;    /* being read; NULL: none */
	uint64_t squashfs_at, squashfs_size; /* of the one that comes next; size 0: none does */
	const unsigned char *piece;          /* of content in it: what image_read() left */
	size_t piece_left;
	struct segments *segments;
	char name[CPIO_NAME_MOST]; /* as stored */
	char path[CPIO_NAME_MOST + 1], target[CPIO_NAME_MOST];
	uint64_t left;  /* unread bytes of the current entry's content */
	size_t padding; /* zeros after it */
	bool has_check; /* the content's bytes add up to @check; so far to @sum */
	uint32_t check, sum;
	bool keeps_parents, lacks_trailer, is_hushed;
	bool is_squashfs; /* all of the file is one */
	bool in_archive;  /* a record was read and no trailer yet */
	unsigned segment;
	int result; /* the first failure stays */
};

/** reader_broken() - one line that says what is wrong, once; later calls repeat the result.
 * Return: @error */
int reader_broken(struct image_reader *reader, int error, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* ---- newc archives (image_reader_cpio.c) ---- */

/** reader_take_some() - up to @size bytes of the stream, 0 only at its end; NULL @bytes: they are
 * skipped. Return: how many, or a negative errno (spoken) */
ssize_t reader_take_some(struct image_reader *reader, void *bytes, uint64_t size);

/** reader_take() - exactly @size bytes, or an error (spoken); @what is being read, for the message
 * when the stream ends before */
int reader_take(struct image_reader *reader, void *bytes, uint64_t size, const char *what);

/** reader_header() - the next header, its name into reader->name, as it is stored.
 * Return: 1, 0 at the end of the image, or a negative errno (spoken) */
int reader_header(struct image_reader *reader, struct cpio_header *ret_header);

/** reader_path() - reader->name as a path: without leading "/" and "./", and without empty parts,
 * into reader->path. Return: 0, or a negative errno (spoken) */
int reader_path(struct image_reader *reader);

/** reader_target() - the current entry is a symlink with @size bytes: into reader->target.
 * Return: 0, or a negative errno (spoken) */
int reader_target(struct image_reader *reader, uint32_t size);

/* ---- a SquashFS (image_reader_squashfs.c) ---- */

/** reader_squashfs_meet() - notes when @entry, which is current, carries a SquashFS */
void reader_squashfs_meet(struct image_reader *reader, struct image_entry *entry);

/** reader_squashfs_next() - Return: 1, 0 when it is at its end, or a negative errno (spoken) */
int reader_squashfs_next(struct image_reader *reader, struct image_entry *ret_entry);

/** reader_squashfs_read(), reader_squashfs_piece() - as image_read() and image_read_piece() */
ssize_t reader_squashfs_read(struct image_reader *reader, void *buffer, size_t size);
ssize_t reader_squashfs_piece(struct image_reader *reader, const unsigned char **ret_piece);
