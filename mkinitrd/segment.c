/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.c - an image as a stream of archive bytes (see segment.h)
 *
 * In:    a file: newc archives, zeros and compressed streams in any order, as the kernel takes
 * them; a SquashFS between them is stepped over Out:   the bytes of archives; a compressed part is
 * unpacked by a thread of its own, so that the reader can hash meanwhile Not:   records
 * (image_reader.c) Facts: a compressed part holds archives and zeros, no further compression; after
 * it the file goes on as before it (kernel init/initramfs.c, unpack_to_rootfs)
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compress.h"
#include "foreign.h"
#include "relay.h"
#include "segment.h"

#define FILE_BUFFER ((size_t)1 << 20)

/* the file itself; used by one thread at a time */
struct file_window {
	int fd;
	off_t offset; /* of the next read */
	unsigned char *bytes;
	size_t start, end;
};

struct segments {
	struct file_window file;
	int owned_fd;
	enum compression compression;
	const char *compression_name;
	uint64_t offset;     /* of the archive, or of the compressed part */
	struct relay *relay; /* NULL: not inside of a compressed part */
	pthread_t thread;
	const unsigned char *piece;
	size_t piece_left;
	char problem[200];
};

const char *segments_problem(const struct segments *segments)
{
	return segments->problem;
}

static int PRINTF_LIKE(3, 4) problem(struct segments *segments, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(segments->problem, sizeof(segments->problem), format, arguments);
	va_end(arguments);
	return error;
}

/* at least @count bytes in the window, fewer at the end of the file. Return: how many, or -errno */
static ssize_t file_fill(struct file_window *file, size_t count)
{
	size_t keep;

	if (file->end - file->start >= count)
		return (ssize_t)(file->end - file->start);
	/* an expander may give back a few bytes that it has taken */
	keep = file->start < EXPANDER_UNREAD_MOST ? file->start : EXPANDER_UNREAD_MOST;
	memmove(file->bytes, file->bytes + file->start - keep, file->end - file->start + keep);
	file->end -= file->start - keep;
	file->start = keep;
	while (file->end - file->start < count) {
		ssize_t r = pread(file->fd, file->bytes + file->end, FILE_BUFFER - file->end,
				  file->offset);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			break;
		file->offset += r;
		file->end += (size_t)r;
	}
	return (ssize_t)(file->end - file->start);
}

/* ---- the unpacking thread ---- */

struct expansion {
	struct segments *segments;
	struct expander *expander;
	unsigned char *piece;
	size_t used;
	bool is_at_frame_end, needs_input;
};

/* whether the same compression goes on behind a frame. Return: 1, 0, or -errno */
static int expansion_continues(struct expansion *expansion)
{
	struct segments *segments = expansion->segments;
	struct file_window *file = &segments->file;
	ssize_t count = file_fill(file, MAGIC_MOST);
	enum compression compression;
	const char *name;

	if (count < 0)
		return problem(segments, (int)count, "reading failed");
	if (compression_detect(file->bytes + file->start, (size_t)count, &compression, &name) != 1)
		return 0;
	return compression == segments->compression;
}

static int expansion_step(struct expansion *expansion)
{
	struct segments *segments = expansion->segments;
	struct file_window *file = &segments->file;
	struct expander_window window;
	ssize_t count = expansion->needs_input ? file_fill(file, 1) : 1;
	int r;

	if (count < 0)
		return problem(segments, (int)count, "reading failed");
	if (count == 0 && expander_may_end(expansion->expander)) {
		expansion->is_at_frame_end = true;
		return 0;
	}
	if (count == 0)
		return problem(segments, -EBADMSG, "its %s stream is cut off",
			       segments->compression_name);
	if (!expansion->piece)
		expansion->piece = relay_empty(segments->relay);
	if (!expansion->piece)
		return -ECANCELED;
	window = (struct expander_window){
		.in = file->bytes + file->start,
		.in_size = file->end - file->start,
		.out = expansion->piece + expansion->used,
		.out_size = RELAY_PIECE - expansion->used,
	};
	r = expander_step(expansion->expander, &window);
	if (r < 0)
		return problem(segments, r, "its %s stream %s", segments->compression_name,
			       r == -EBADMSG ? "is damaged"
			       : r == -EFBIG ? "wants more memory than the kernel would give it"
					     : "cannot be unpacked");
	file->start = file->end - window.in_size - expander_unread(expansion->expander);
	expansion->used = RELAY_PIECE - window.out_size;
	expansion->is_at_frame_end = r == 1;
	expansion->needs_input = window.out_size > 0; /* all that came in has come out */
	if (window.out_size == 0) {
		relay_filled(segments->relay, RELAY_PIECE);
		expansion->piece = NULL;
		expansion->used = 0;
	}
	return 0;
}

static void *expand(void *context)
{
	struct segments *segments = context;
	CLEANUP(expander_cleanup) struct expander *expander = NULL;
	struct expansion expansion = { .segments = segments, .needs_input = true };
	int r = expander_open(segments->compression, &expander);

	if (r < 0)
		(void)problem(segments, r, "its %s stream cannot be unpacked",
			      segments->compression_name);
	expansion.expander = expander;
	while (r == 0) {
		r = expansion_step(&expansion);
		if (r == 0 && expansion.is_at_frame_end) {
			r = expansion_continues(&expansion);
			if (r == 0)
				break;
			r = r < 0 ? r : 0;
		}
	}
	if (expansion.used)
		relay_filled(segments->relay, expansion.used);
	relay_end(segments->relay, r);
	return NULL;
}

static int expand_start(struct segments *segments)
{
	int r;

	segments->relay = relay_new();
	r = segments->relay ? -pthread_create(&segments->thread, NULL, expand, segments) : -ENOMEM;
	if (r != 0) {
		relay_free(segments->relay);
		segments->relay = NULL;
		return problem(segments, r, "it cannot be unpacked");
	}
	segments->piece_left = 0;
	return 0;
}

static void expand_stop(struct segments *segments)
{
	if (!segments->relay)
		return;
	relay_cancel(segments->relay);
	(void)pthread_join(segments->thread, NULL);
	relay_free(segments->relay);
	segments->relay = NULL;
	segments->piece_left = 0;
}

/* ---- the reading side ---- */

int segments_open(int fd, struct segments **ret_segments)
{
	struct segments *segments = calloc(1, sizeof(*segments));

	if (!segments)
		return -ENOMEM;
	segments->owned_fd = -1;
	segments->file.fd = fd;
	segments->file.bytes = malloc(FILE_BUFFER);
	if (!segments->file.bytes) {
		segments_close(segments);
		return -ENOMEM;
	}
	*ret_segments = segments;
	return 0;
}

void segments_own(struct segments *segments, int fd)
{
	segments->owned_fd = fd;
}

void segments_close(struct segments *segments)
{
	if (!segments)
		return;
	expand_stop(segments);
	fd_close(&segments->owned_fd);
	free(segments->file.bytes);
	free(segments);
}

ssize_t segments_peek(struct segments *segments, const unsigned char **ret_bytes)
{
	struct file_window *file = &segments->file;
	ssize_t count;

	if (!segments->relay) {
		count = file_fill(file, 1);
		*ret_bytes = file->bytes + file->start;
		return count < 0 ? problem(segments, (int)count, "reading failed") : count;
	}
	if (segments->piece_left == 0) {
		count = relay_take(segments->relay, &segments->piece);
		if (count <= 0)
			return count;
		segments->piece_left = (size_t)count;
	}
	*ret_bytes = segments->piece;
	return (ssize_t)segments->piece_left;
}

void segments_advance(struct segments *segments, size_t count)
{
	if (segments->relay) {
		segments->piece += count;
		segments->piece_left -= count;
	} else {
		segments->file.start += count;
	}
}

uint64_t segments_offset(const struct segments *segments)
{
	return segments->offset;
}

uint64_t segments_position(const struct segments *segments)
{
	const struct file_window *file = &segments->file;

	return (uint64_t)file->offset - (file->end - file->start);
}

enum compression segments_compression(const struct segments *segments)
{
	return segments->relay ? segments->compression : COMPRESS_NONE;
}

/* Return: 1 at a byte that is not zero, 0 at the end of the part or file, or -errno */
static int skip_zeros(struct segments *segments)
{
	const unsigned char *bytes;
	ssize_t count;

	while ((count = segments_peek(segments, &bytes)) > 0) {
		size_t zeros = 0;

		while (zeros < (size_t)count && bytes[zeros] == 0)
			zeros++;
		segments_advance(segments, zeros);
		if (zeros < (size_t)count)
			return 1;
	}
	return (int)count;
}

/* what stands at the window is no archive: a SquashFS is stepped over, anything else is named */
static int meet_foreign(struct segments *segments, const unsigned char *bytes, size_t count)
{
	struct file_window *file = &segments->file;
	uint64_t size = segments->relay ? 0 : squashfs_size(bytes, count);
	const char *name = foreign_name(bytes, count);
	struct stat status;

	if (size && fstat(file->fd, &status) == 0) {
		uint64_t left = (uint64_t)status.st_size - segments->offset;

		file->offset = (off_t)(segments->offset + (size < left ? size : left));
		file->start = file->end = 0;
		(void)problem(segments, 0,
			      "a SquashFS of %llu bytes%s, from byte %llu on, is left out",
			      (unsigned long long)size, size > left ? ", which is cut off" : "",
			      (unsigned long long)segments->offset);
		return 2;
	}
	if (name)
		return problem(segments, -EBADMSG, "%s is %s",
			       segments->offset ? "a part of it" : "it", name);
	return problem(
		segments, -EBADMSG,
		"at byte %llu there is neither a cpio archive nor a compression that is known",
		(unsigned long long)segments->offset);
}

static bool is_archive(const unsigned char *bytes, size_t count)
{
	/* fewer bytes than a header's first: the beginning of one that is cut off */
	static const char magic[] = { '0', '7', '0', '7', '0' };
	size_t length = count < sizeof(magic) ? count : sizeof(magic);

	return memcmp(bytes, magic, length) == 0 && !foreign_name(bytes, count);
}

/* at a byte that is not zero, inside of a compressed part */
static int next_in_part(struct segments *segments)
{
	const unsigned char *bytes;
	ssize_t count = segments_peek(segments, &bytes);

	if (count <= 0)
		return (int)count;
	return is_archive(bytes, (size_t)count) ? 1 : meet_foreign(segments, bytes, (size_t)count);
}

/* the same outside of one. Return: as segments_next_archive(), or -EAGAIN when a compressed part
 * begins there */
static int next_in_file(struct segments *segments)
{
	struct file_window *file = &segments->file;
	ssize_t count = file_fill(file, FOREIGN_MOST);
	const unsigned char *bytes = file->bytes + file->start;
	const char *name;
	int r;

	if (count < 0)
		return problem(segments, (int)count, "reading failed");
	segments->offset = (uint64_t)file->offset - (file->end - file->start);
	r = compression_detect(bytes, (size_t)count, &segments->compression, &name);
	if (r == -ENOTSUP)
		return problem(segments, -EBADMSG,
			       "a part is compressed with %s, which is not read", name);
	if (r == 0)
		return is_archive(bytes, (size_t)count)
			       ? 1
			       : meet_foreign(segments, bytes, (size_t)count);
	segments->compression_name = name;
	r = expand_start(segments);
	return r < 0 ? r : -EAGAIN;
}

int segments_next_archive(struct segments *segments)
{
	for (;;) {
		int r = skip_zeros(segments);

		if (r < 0)
			return r;
		if (r == 1 && segments->relay)
			return next_in_part(segments);
		if (r == 0 && !segments->relay)
			return 0;
		if (r == 0) { /* the compressed part is at its end */
			expand_stop(segments);
			continue;
		}
		r = next_in_file(segments);
		if (r != -EAGAIN)
			return r;
	}
}
