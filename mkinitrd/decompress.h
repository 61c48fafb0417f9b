/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decompress.h - a whole compressed file (.ko.xz, .ko.zst, .ko.gz) into memory
 */
#pragma once

#include <stddef.h>

#include "../init/lib/text.h"

/* no kernel module or firmware file comes near this; more is a bomb or a mistake */
#define DECOMPRESS_LIMIT ((size_t)1 << 30)

/** compressed_suffix() - where the ".xz", ".zst" or ".gz" at the end of @path begins, or NULL */
const char *compressed_suffix(const char *path);

/**
 * decompress_fd() - append the unpacked content of @fd, from its current offset, to @text
 * @fd:    a regular file of one or more streams of one compression, one after the other
 * @limit: the most bytes taken
 *
 * The format is told by the content. Quiet.
 *
 * Return: 0, -EBADMSG when the file is not compressed, damaged or cut off, -EFBIG when it unpacks
 * to more than @limit bytes, or another negative errno. @text may hold a part then.
 */
int decompress_fd(int fd, size_t limit, struct text *text);
