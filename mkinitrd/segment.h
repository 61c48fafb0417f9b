/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.h - an image as a stream of archive bytes: zeros skipped, compressed parts unpacked
 *
 * Quiet: segments_problem() has the words for the one who speaks.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "image.h"

struct segments;

/** segments_position() - in the file, of the next byte; not inside of a compressed part */
uint64_t segments_position(const struct segments *segments);

/** segments_open() - @fd is read by position; it stays the caller's until segments_own() */
int segments_open(int fd, struct segments **ret_segments);
void segments_own(struct segments *segments, int fd);
void segments_close(struct segments *segments);

/**
 * segments_next_archive() - between archives: to the first byte of the next one
 *
 * Return: 1, 0 at the end of the image, 2 when something that is no archive was stepped over
 * (segments_problem() names it; call again), or a negative errno
 */
int segments_next_archive(struct segments *segments);

/**
 * segments_peek() - the next bytes, valid until the next call of any of these functions
 *
 * Return: how many, 0 at the end of the compressed part or of the file, or a negative errno
 */
ssize_t segments_peek(struct segments *segments, const unsigned char **ret_bytes);
void segments_advance(struct segments *segments, size_t count);

/** segments_offset() - where in the file the archive at hand begins; inside of a compressed part,
 * where that begins */
uint64_t segments_offset(const struct segments *segments);

/** segments_compression() - of the part at hand; COMPRESS_NONE outside of a compressed one */
enum compression segments_compression(const struct segments *segments);

/** segments_problem() - why the last call failed, or what it stepped over */
const char *segments_problem(const struct segments *segments);
