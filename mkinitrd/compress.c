/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress.c - streams through a compressor: none, zstd, gzip (see compress.h)
 *
 * Not:   the way back (expand.c)
 * Facts: the kernel unpacks zstd frames with a window of at most 2^27 bytes
 * (lib/decompress_unzstd.c), which levels up to 19 stay below; zstd gives the same bytes for any
 * number of workers, but others without workers (zstd.h, ZSTD_c_nbWorkers), so there is always one
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#define ZLIB_CONST /* next_in is const */
#include <zlib.h>
#include <zstd.h>

#include "compress.h"
#include "fail.h"
#include "../init/lib/number.h"

#define OUT_SIZE ((size_t)1 << 18)
#define WORKERS_MOST 16 /* each holds a few windows of memory */

struct compressor {
	const char *name;
	enum compression compression;
	int level_least, level_most, level_usual; /* 0, 0, 0: it has no levels */
	int (*open)(struct sink *sink, int level, unsigned jobs);
	int (*add)(struct sink *sink, const void *bytes, size_t count, bool is_last);
	void (*close)(struct sink *sink);
};

struct sink {
	const struct compressor *compressor;
	sink_write *write;
	void *context;
	unsigned char *out;
	ZSTD_CCtx *zstd;
	z_stream gzip;
	bool is_gzip_open;
};

/* ---- none ---- */

static int none_add(struct sink *sink, const void *bytes, size_t count, bool is_last UNUSED)
{
	return count ? sink->write(sink->context, bytes, count) : 0;
}

/* ---- zstd ---- */

static int zstd_open(struct sink *sink, int level, unsigned jobs)
{
	int workers = jobs < 1 ? 1 : jobs > WORKERS_MOST ? WORKERS_MOST : (int)jobs;

	sink->zstd = ZSTD_createCCtx();
	if (!sink->zstd)
		return -ENOMEM;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(sink->zstd, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(sink->zstd, ZSTD_c_checksumFlag, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(sink->zstd, ZSTD_c_nbWorkers, workers)))
		return -EINVAL;
	return 0;
}

static int zstd_add(struct sink *sink, const void *bytes, size_t count, bool is_last)
{
	ZSTD_inBuffer in = { bytes, count, 0 };
	size_t left;
	int r;

	do {
		ZSTD_outBuffer out = { sink->out, OUT_SIZE, 0 };

		left = ZSTD_compressStream2(sink->zstd, &out, &in,
					    is_last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return -ENOMEM; /* the parameters are known to be good */
		r = out.pos ? sink->write(sink->context, sink->out, out.pos) : 0;
		if (r < 0)
			return r;
	} while (is_last ? left != 0 : in.pos < in.size);
	return 0;
}

static void zstd_close(struct sink *sink)
{
	(void)ZSTD_freeCCtx(sink->zstd);
}

/* ---- gzip ---- */

static int gzip_open(struct sink *sink, int level, unsigned jobs UNUSED)
{
	/* 15 + 16: the largest window, and a gzip header, which zlib writes without name and time
	 */
	int r = deflateInit2(&sink->gzip, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);

	sink->is_gzip_open = r == Z_OK;
	return r == Z_OK ? 0 : -ENOMEM;
}

static int gzip_add(struct sink *sink, const void *bytes, size_t count, bool is_last)
{
	z_stream *stream = &sink->gzip;
	size_t made;
	int r;

	if (count > UINT_MAX)
		return -EFBIG;
	stream->next_in = bytes;
	stream->avail_in = (unsigned)count;
	do {
		stream->next_out = sink->out;
		stream->avail_out = OUT_SIZE;
		if (deflate(stream, is_last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
			return -EINVAL;
		made = OUT_SIZE - stream->avail_out;
		r = made ? sink->write(sink->context, sink->out, made) : 0;
		if (r < 0)
			return r;
	} while (stream->avail_out == 0);
	return 0;
}

static void gzip_close(struct sink *sink)
{
	if (sink->is_gzip_open)
		(void)deflateEnd(&sink->gzip);
}

// clang-format off
static const struct compressor compressors[] = {
	/* name                      least most usual */
	{ "none", COMPRESS_NONE, 0, 0,  0, NULL,      none_add, NULL },
	{ "zstd", COMPRESS_ZSTD, 1, 19, 3, zstd_open, zstd_add, zstd_close },
	{ "gzip", COMPRESS_GZIP, 1, 9,  6, gzip_open, gzip_add, gzip_close },
};
// clang-format on

int sink_open(enum compression compression, int level, unsigned jobs, sink_write *write,
	      void *context, struct sink **ret_sink)
{
	CLEANUP(sink_cleanup) struct sink *sink = calloc(1, sizeof(*sink));
	int r = 0;

	if (!sink)
		return -ENOMEM;
	for (size_t i = 0; i < COUNT_OF(compressors); i++)
		if (compressors[i].compression == compression)
			sink->compressor = &compressors[i];
	if (!sink->compressor || level < sink->compressor->level_least ||
	    level > sink->compressor->level_most)
		return -EINVAL;
	sink->write = write;
	sink->context = context;
	sink->out = malloc(OUT_SIZE);
	if (!sink->out)
		return -ENOMEM;
	if (sink->compressor->open)
		r = sink->compressor->open(sink, level, jobs);
	if (r < 0)
		return r;
	*ret_sink = sink;
	sink = NULL;
	return 0;
}

int sink_add(struct sink *sink, const void *bytes, size_t count)
{
	return count ? sink->compressor->add(sink, bytes, count, false) : 0;
}

int sink_finish(struct sink *sink)
{
	return sink->compressor->add(sink, "", 0, true);
}

void sink_close(struct sink *sink)
{
	if (!sink)
		return;
	if (sink->compressor && sink->compressor->close)
		sink->compressor->close(sink);
	free(sink->out);
	free(sink);
}

void compression_list(struct text *text)
{
	for (size_t i = 0; i < COUNT_OF(compressors); i++) {
		text_format(text, "%s%s", i ? ", " : "", compressors[i].name);
		if (compressors[i].level_most)
			text_format(text, ":%d-%d", compressors[i].level_least,
				    compressors[i].level_most);
	}
}

int compression_parse(const char *string, enum compression *ret_compression, int *ret_level)
{
	CLEANUP(text_free) struct text known = TEXT_EMPTY;
	size_t length = strcspn(string, ":");

	for (size_t i = 0; i < COUNT_OF(compressors); i++) {
		const struct compressor *row = &compressors[i];
		uint64_t level = (uint64_t)row->level_usual;

		if (strlen(row->name) != length || memcmp(row->name, string, length) != 0)
			continue;
		if (string[length] &&
		    (number_parse(string + length + 1, &level) < 0 || row->level_most == 0 ||
		     level < (uint64_t)row->level_least || level > (uint64_t)row->level_most))
			break;
		*ret_compression = row->compression;
		*ret_level = (int)level;
		return 0;
	}
	compression_list(&known);
	return fail(0, "compression '%s' is not known; this version knows: %s", string,
		    text_string(&known));
}
