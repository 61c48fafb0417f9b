/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress_xz.c - xz in a form that the kernel unpacks, on all cores
 *
 * In:    bytes
 * Out:   one xz stream of blocks of a fixed size
 * Facts: the kernel checks CRC32 alone, which must be asked for: the usual sum is CRC64
 *        (Documentation/staging/xz.rst); it allocates the dictionary at boot. The blocks of
 *        lzma_stream_encoder_mt() do not depend on the number of threads (lzma/container.h)
 */
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>

#include "compress_sink.h"

#define DICTIONARY_MOST ((uint32_t)8 << 20) /* also of levels that would take more */
#define BLOCK_SIZE ((uint64_t)16 << 20)
#define THREADS_MOST 16 /* at level 6 each takes about 130 MB */

static int xz_result(lzma_ret r)
{
	if (r == LZMA_OK || r == LZMA_STREAM_END)
		return 0;
	return r == LZMA_MEM_ERROR || r == LZMA_MEMLIMIT_ERROR ? -ENOMEM : -EINVAL;
}

int xz_open(struct sink *sink, int level, unsigned jobs)
{
	lzma_stream *stream = malloc(sizeof(*stream));
	lzma_options_lzma lzma;
	lzma_filter filters[] = {
		{ .id = LZMA_FILTER_LZMA2, .options = &lzma },
		{ .id = LZMA_VLI_UNKNOWN },
	};
	const lzma_mt options = {
		.threads = jobs < 1              ? 1
			   : jobs > THREADS_MOST ? THREADS_MOST
						 : jobs,
		.block_size = BLOCK_SIZE,
		.filters = filters,
		.check = LZMA_CHECK_CRC32,
	};

	sink->state = stream;
	if (!stream)
		return -ENOMEM;
	*stream = (lzma_stream)LZMA_STREAM_INIT;
	if (lzma_lzma_preset(&lzma, (uint32_t)level))
		return -EINVAL;
	if (lzma.dict_size > DICTIONARY_MOST)
		lzma.dict_size = DICTIONARY_MOST;
	return xz_result(lzma_stream_encoder_mt(stream, &options));
}

int xz_add(struct sink *sink, const void *bytes, size_t count, bool is_last)
{
	lzma_stream *stream = sink->state;
	lzma_ret result;
	size_t made;
	int r;

	stream->next_in = bytes;
	stream->avail_in = count;
	do {
		stream->next_out = sink->out;
		stream->avail_out = SINK_OUT_SIZE;
		result = lzma_code(stream, is_last ? LZMA_FINISH : LZMA_RUN);
		r = xz_result(result);
		made = SINK_OUT_SIZE - stream->avail_out;
		if (r == 0 && made)
			r = sink->write(sink->context, sink->out, made);
		if (r < 0)
			return r;
	} while (is_last ? result != LZMA_STREAM_END : stream->avail_in > 0);
	return 0;
}

void xz_close(struct sink *sink)
{
	lzma_stream *stream = sink->state;

	if (stream)
		lzma_end(stream);
	free(stream);
}
