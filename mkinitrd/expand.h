/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expand.h - between the table of codecs (expand.c) and codecs with files of their own
 */
#pragma once

#include "compress.h"

/* the most memory that a stream may ask for as its window: what the kernel grants to zstd */
#define EXPAND_WINDOW_MOST ((size_t)1 << 27)

/* what a codec does; @state is its own */
struct codec_functions {
	int (*open)(void **ret_state);
	int (*step)(void *state, struct expander_window *window); /* as expander_step() */
	void (*close)(void *state);
	/* NULL: the stream says where it ends */
	bool (*may_end)(const void *state);
	size_t (*unread)(const void *state);
};

extern const struct codec_functions lz4_functions;  /* expand_lz4.c */
extern const struct codec_functions lzop_functions; /* expand_lzop.c */

/* a few bytes or a whole block collected from pieces of input */
struct gathered {
	unsigned char *bytes;
	size_t have, want;
};

/** gather() - take in what is missing. Return: whether all @want bytes are there */
bool gather(struct gathered *gathered, struct expander_window *window);

/* an unpacked block on its way out */
struct given {
	unsigned char *bytes;
	size_t at, end;
};

/** give() - put out what fits. Return: whether all of it is out */
bool give(struct given *given, struct expander_window *window);
