/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.h - the content of entries, read and hashed piece by piece
 */
#pragma once

#include <sys/stat.h>

#include "manifest.h"
#include "output.h"

/** content_piece - takes a piece of content; a negative errno stops the reading */
typedef int content_piece(void *context, const void *bytes, size_t count);

struct content_reader;

/** content_reader_new() - NULL: out of memory. @output: what no source may be */
struct content_reader *content_reader_new(const struct output *output);
void content_reader_free(struct content_reader *reader);
static inline void content_reader_cleanup(struct content_reader **reader)
{
	content_reader_free(*reader);
	*reader = NULL;
}

/** content_reader_hash_beside() - hash large files in a thread that reads them by itself: only for
 * who reads back all that was written, and compares it with the hash */
void content_reader_hash_beside(struct content_reader *reader);

/**
 * content_read() - all of one file entry, in one pass; speaks
 * @piece: NULL: the content is hashed alone
 *
 * Size and sha256 of @entry are filled in.
 *
 * Return: 0, -ESTALE (the source changed while it was read), what @piece returned (not spoken), or
 * another negative errno
 */
int content_read(struct content_reader *reader, struct entry *entry, content_piece *piece,
		 void *context);

/** content_fail() - say that the source of @entry cannot be packed: @why, else @error. Return:
 * @error */
int content_fail(int error, const struct entry *entry, const char *why);

/** content_is_unchanged() - whether the open source still has the size and time of @before */
bool content_is_unchanged(int fd, const struct stat *before);
