/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compress.c - streams through a compressor: the table; none and zstd (see compress.h)
 *
 * Not:   the other compressors (compress_*.c), the way back (expand.c)
 * Facts: the kernel unpacks zstd frames with a window of at most 2^27 bytes
 * (lib/decompress_unzstd.c), which levels up to 19 stay below; zstd gives the same bytes for any
 * number of workers, but others without workers (zstd.h, ZSTD_c_nbWorkers), so there is always one
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <zstd.h>

#include "compress_sink.h"
#include "fail.h"
#include "kernel_config.h"
#include "../init/lib/number.h"

#define WORKERS_MOST 16 /* each holds a few windows of memory */

/* ---- none ---- */

static int none_add(struct sink *sink, const void *bytes, size_t count, bool is_last UNUSED)
{
	return count ? sink->write(sink->context, bytes, count) : 0;
}

/* ---- zstd ---- */

static int zstd_open(struct sink *sink, int level, unsigned jobs)
{
	int workers = jobs < 1 ? 1 : jobs > WORKERS_MOST ? WORKERS_MOST : (int)jobs;
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	sink->state = zstd;
	if (!zstd)
		return -ENOMEM;
	if (ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_nbWorkers, workers)))
		return -EINVAL;
	return 0;
}

static int zstd_add(struct sink *sink, const void *bytes, size_t count, bool is_last)
{
	ZSTD_inBuffer in = { bytes, count, 0 };
	size_t left;
	int r;

	do {
		ZSTD_outBuffer out = { sink->out, SINK_OUT_SIZE, 0 };

		left = ZSTD_compressStream2(sink->state, &out, &in,
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
	(void)ZSTD_freeCCtx(sink->state);
}

// clang-format off
static const struct compressor compressors[] = {
	/*                 levels: least, most, usual */
	{ "none", COMPRESS_NONE, 0, 0,  0, NULL,      NULL,      none_add, NULL },
	{ "zstd", COMPRESS_ZSTD, 1, 19, 3, "RD_ZSTD", zstd_open, zstd_add, zstd_close },
	{ "gzip", COMPRESS_GZIP, 1, 9,  6, "RD_GZIP", gzip_open, gzip_add, gzip_close },
	{ "xz",   COMPRESS_XZ,   0, 9,  6, "RD_XZ",   xz_open,   xz_add,   xz_close },
	{ "lz4",  COMPRESS_LZ4,  1, 12, 9, "RD_LZ4",  lz4_open,  lz4_add,  lz4_close },
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
	sink->out = malloc(SINK_OUT_SIZE);
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
	const struct compressor *row = compressors, *end = row + COUNT_OF(compressors);
	uint64_t level;

	while (row < end && (strlen(row->name) != length || memcmp(row->name, string, length) != 0))
		row++;
	if (row == end) {
		compression_list(&known);
		return fail(0, "compression '%s' is not known; this version knows: %s", string,
			    text_string(&known));
	}
	level = (uint64_t)row->level_usual;
	if (string[length] && row->level_most == 0)
		return fail(0, "compression '%s': %s has no levels", string, row->name);
	if (string[length] &&
	    (number_parse(string + length + 1, &level) < 0 || level < (uint64_t)row->level_least ||
	     level > (uint64_t)row->level_most))
		return fail(0, "compression '%s': the levels of %s are %d to %d", string, row->name,
			    row->level_least, row->level_most);
	*ret_compression = row->compression;
	*ret_level = (int)level;
	return 0;
}

int compression_check_kernel(enum compression compression, const struct kernel_config *config,
			     const char *release, bool is_forced)
{
	CLEANUP(text_free) struct text known = TEXT_EMPTY;
	const char *name = "", *option = NULL;

	for (size_t i = 0; i < COUNT_OF(compressors); i++) {
		const struct compressor *row = &compressors[i];

		if (row->compression == compression) {
			name = row->name;
			option = row->kernel_option;
		}
		if (!row->kernel_option || kernel_config_get(config, row->kernel_option) == 'y')
			text_format(&known, "%s%s", known.length ? ", " : "", row->name);
	}
	if (!option || kernel_config_get(config, option) == 'y')
		return 0;
	if (is_forced) {
		warn("kernel '%s' cannot unpack %s: '%s' lacks CONFIG_%s; going on (--force)",
		     release, name, kernel_config_path(config), option);
		return 0;
	}
	(void)fail(0,
		   "kernel '%s' cannot unpack %s: '%s' lacks CONFIG_%s; it can: %s (-c, or "
		   "output.compress of the profile)",
		   release, name, kernel_config_path(config), option, text_string(&known));
	return -ENOTSUP;
}
