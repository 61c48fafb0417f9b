/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress_sink.h - a compressor from the inside, for compress.c and compress_*.c
 *
 * Everybody else: compress.h.
 */
#pragma once

#include "compress.h"

#define SINK_OUT_SIZE ((size_t)1 << 18)

struct sink;

struct compressor {
	const char *name;
	enum compression compression;
	int level_least, level_most, level_usual; /* 0, 0, 0: it has no levels */
	const char *kernel_option; /* what a kernel that unpacks it is built with; NULL: nothing */
	int (*open)(struct sink *sink, int level, unsigned jobs);
	int (*add)(struct sink *sink, const void *bytes, size_t count, bool is_last);
	void (*close)(struct sink *sink); /* also after a failed open() */
};

struct sink {
	const struct compressor *compressor;
	sink_write *write;
	void *context;
	unsigned char *out; /* SINK_OUT_SIZE bytes */
	void *state;        /* the compressor's own */
};

int gzip_open(struct sink *sink, int level, unsigned jobs);
int gzip_add(struct sink *sink, const void *bytes, size_t count, bool is_last);
void gzip_close(struct sink *sink);

int xz_open(struct sink *sink, int level, unsigned jobs);
int xz_add(struct sink *sink, const void *bytes, size_t count, bool is_last);
void xz_close(struct sink *sink);

int lz4_open(struct sink *sink, int level, unsigned jobs);
int lz4_add(struct sink *sink, const void *bytes, size_t count, bool is_last);
void lz4_close(struct sink *sink);
