/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.h - a few buffers handed from one thread to another, in order
 *
 * One thread fills, one takes; memory is bounded, whichever is faster waits. The bytes are cut into
 * pieces by the filling side alone, so that what is taken does not depend on timing. Quiet.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define RELAY_PIECE ((size_t)1 << 20)

struct relay;

/** relay_new() - NULL: out of memory */
struct relay *relay_new(void);
void relay_free(struct relay *relay); /* when the filling thread has ended */

/** relay_empty() - the filling side: a buffer of RELAY_PIECE bytes; NULL when the taking side has
 * given up */
unsigned char *relay_empty(struct relay *relay);

/** relay_filled() - the filling side: the first @length bytes of it go over */
void relay_filled(struct relay *relay, size_t length);

/** relay_end() - the filling side: nothing more comes. @result: 0, or the negative errno of why */
void relay_end(struct relay *relay, int result);

/**
 * relay_take() - the taking side: the next piece, valid until the next relay_take()
 *
 * Return: its length, 0 at the end, or the negative errno given to relay_end()
 */
ssize_t relay_take(struct relay *relay, const unsigned char **ret_piece);

/** relay_cancel() - the taking side gives up: relay_empty() returns NULL from now on */
void relay_cancel(struct relay *relay);
