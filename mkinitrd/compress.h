/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress.h - streams through a compressor, both ways
 *
 * Quiet but for compression_parse() (image.h), whose words are this file's table.
 */
#pragma once

#include "image.h"

/** sink_write - takes compressed bytes; a negative errno stops the compression */
typedef int sink_write(void *context, const void *bytes, size_t count);

struct sink;

/**
 * sink_open() - a compressor that passes what it makes on to @write
 *
 * The bytes depend on the input, @compression and @level alone: not on @jobs, not on how the input
 * is cut, not on time. Return: 0, -ENOMEM or -EINVAL (a level that does not exist)
 */
int sink_open(enum compression compression, int level, unsigned jobs, sink_write *write,
	      void *context, struct sink **ret_sink);
int sink_add(struct sink *sink, const void *bytes, size_t count);
int sink_finish(struct sink *sink); /* no sink_add() after it */
void sink_close(struct sink *sink);
static inline void sink_cleanup(struct sink **sink)
{
	sink_close(*sink);
	*sink = NULL;
}

#define MAGIC_MOST 8 /* bytes that compression_detect() may want to see */

/**
 * compression_detect() - which compression do the first bytes of a stream belong to?
 * @ret_name: its name, also when this version cannot read it
 *
 * Return: 1 and *ret_compression, 0 when it is no known one (*ret_name NULL), -ENOTSUP when it is
 * known but cannot be read
 */
int compression_detect(const unsigned char *bytes, size_t count, enum compression *ret_compression,
		       const char **ret_name);

/** compression_name() - "zstd"; "none" */
const char *compression_name(enum compression compression);

struct expander;

/** expander_open() - the other way, for every compression there is; of bounded memory: a window of
 * 128 MB at most */
int expander_open(enum compression compression, struct expander **ret_expander);
void expander_close(struct expander *expander);
static inline void expander_cleanup(struct expander **expander)
{
	expander_close(*expander);
	*expander = NULL;
}

struct expander_window {
	const unsigned char *in;
	size_t in_size; /* moves on with what was taken in */
	unsigned char *out;
	size_t out_size; /* moves on with what was put out */
};

/**
 * expander_step() - take in and put out as much as fits
 *
 * Return: 1 at the end of a frame (what follows may be another one: step on), 0 inside one,
 * -EBADMSG when the stream is damaged, -EFBIG when it wants too much memory, or -ENOMEM
 */
int expander_step(struct expander *expander, struct expander_window *window);

/** expander_may_end() - after all input was taken in: may the stream end here? (Only for a stream
 * that has no mark at its end; all others are cut off before expander_step() returned 1) */
bool expander_may_end(const struct expander *expander);

/** expander_unread() - bytes that the last expander_step() took in and that stand behind the frame
 * which it ended: at most EXPANDER_UNREAD_MOST */
size_t expander_unread(const struct expander *expander);
#define EXPANDER_UNREAD_MOST 4
