/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.c - a few buffers handed from one thread to another, in order (see relay.h)
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "relay.h"

#define PIECES 8

struct relay {
	pthread_mutex_t mutex;
	pthread_cond_t changed; /* one condition: there are two threads, and only one ever waits */
	unsigned char *memory;
	size_t lengths[PIECES];
	size_t filled, taken; /* pieces since the start; the difference is what stands ready */
	bool is_held;         /* the taking side still reads piece number @taken */
	bool is_ended, is_cancelled;
	int result;
};

struct relay *relay_new(void)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (!relay)
		return NULL;
	relay->memory = malloc(PIECES * RELAY_PIECE);
	if (!relay->memory) {
		free(relay);
		return NULL;
	}
	(void)pthread_mutex_init(&relay->mutex, NULL); /* on Linux these two cannot fail */
	(void)pthread_cond_init(&relay->changed, NULL);
	return relay;
}

void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	(void)pthread_cond_destroy(&relay->changed);
	(void)pthread_mutex_destroy(&relay->mutex);
	free(relay->memory);
	free(relay);
}

unsigned char *relay_empty(struct relay *relay)
{
	unsigned char *piece = NULL;

	(void)pthread_mutex_lock(&relay->mutex);
	while (!relay->is_cancelled && relay->filled - relay->taken == PIECES)
		(void)pthread_cond_wait(&relay->changed, &relay->mutex);
	if (!relay->is_cancelled)
		piece = relay->memory + (relay->filled % PIECES) * RELAY_PIECE;
	(void)pthread_mutex_unlock(&relay->mutex);
	return piece;
}

void relay_filled(struct relay *relay, size_t length)
{
	(void)pthread_mutex_lock(&relay->mutex);
	relay->lengths[relay->filled % PIECES] = length;
	relay->filled++;
	(void)pthread_cond_signal(&relay->changed);
	(void)pthread_mutex_unlock(&relay->mutex);
}

void relay_end(struct relay *relay, int result)
{
	(void)pthread_mutex_lock(&relay->mutex);
	relay->is_ended = true;
	relay->result = result;
	(void)pthread_cond_signal(&relay->changed);
	(void)pthread_mutex_unlock(&relay->mutex);
}

ssize_t relay_take(struct relay *relay, const unsigned char **ret_piece)
{
	ssize_t length;

	(void)pthread_mutex_lock(&relay->mutex);
	if (relay->is_held) {
		relay->is_held = false;
		relay->taken++;
		(void)pthread_cond_signal(&relay->changed);
	}
	while (!relay->is_ended && relay->filled == relay->taken)
		(void)pthread_cond_wait(&relay->changed, &relay->mutex);
	if (relay->filled == relay->taken) {
		length = relay->result;
	} else {
		relay->is_held = true;
		*ret_piece = relay->memory + (relay->taken % PIECES) * RELAY_PIECE;
		length = (ssize_t)relay->lengths[relay->taken % PIECES];
	}
	(void)pthread_mutex_unlock(&relay->mutex);
	return length;
}

void relay_cancel(struct relay *relay)
{
	(void)pthread_mutex_lock(&relay->mutex);
	relay->is_cancelled = true;
	(void)pthread_cond_signal(&relay->changed);
	(void)pthread_mutex_unlock(&relay->mutex);
}
