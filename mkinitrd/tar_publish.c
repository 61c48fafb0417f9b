/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar_publish.c - a manifest as one archive (see tar_publish.h)
 *
 * In:    entries
 * Out:   a tar, compressed or not, in a file or on standard output; whole or not at all
 * Not:   the tree (build.c), the archive (tar_write.c)
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "build.h"
#include "fail.h"
#include "output.h"
#include "progress.h"
#include "tar_publish.h"
#include "tar_write.h"
#include "tree_export.h"
#include "../init/lib/file.h"

/* the archive on its way into the file */
struct passage {
	const struct output *output;
	struct sink *sink;
	const char *label;
	bool is_said; /* what went wrong */
};

static int say_failure(struct passage *passage, int r)
{
	if (r < 0 && !passage->is_said)
		(void)fail(r, "cannot write %s", passage->label);
	passage->is_said |= r < 0;
	return r;
}

static int write_bytes(void *context, const void *bytes, size_t count)
{
	struct passage *passage = context;

	return say_failure(passage, file_write_fd(passage->output->fd, bytes, count));
}

static int write_sink(void *context, const void *bytes, size_t count)
{
	struct passage *passage = context;

	return say_failure(passage, sink_add(passage->sink, bytes, count));
}

/* by what the name ends in, unless -c says it */
static int choose_compression(const struct options *options, const char *path,
			      enum compression *ret_compression, int *ret_level)
{
	static const struct {
		const char *ending, *compression;
	} rows[] = {
		{ ".gz", "gzip" }, { ".tgz", "gzip" }, { ".zst", "zstd:3" }, { ".tzst", "zstd:3" },
		{ ".xz", "xz" },   { ".txz", "xz" },   { ".lz4", "lz4" },
	};
	const char *wanted = options->compress;

	for (size_t i = 0; !wanted && i < COUNT_OF(rows); i++)
		if (text_ends_with(path, rows[i].ending))
			wanted = rows[i].compression;
	return compression_parse(wanted ? wanted : "none", ret_compression, ret_level);
}

/* everything through the compressor into the file */
static int write_all(const struct tar_job *job, const struct options *options, const char *path,
		     const struct output *output)
{
	CLEANUP(content_reader_cleanup)
	struct content_reader *reader = content_reader_new(output);
	CLEANUP(sink_cleanup) struct sink *sink = NULL;
	struct passage passage = { .output = output, .label = job->label };
	enum compression compression = COMPRESS_NONE;
	int level = 0, r = reader ? 0 : fail(-ENOMEM, "cannot write %s", job->label);

	if (r == 0)
		r = choose_compression(options, path, &compression, &level);
	if (r < 0)
		return r;
	content_reader_hash_beside(reader);
	r = sink_open(compression, level, options_jobs(options), write_bytes, &passage, &sink);
	if (r < 0)
		return say_failure(&passage, r);
	passage.sink = sink;
	progress_phase("writing");
	r = tar_write(job, reader, write_sink, &passage);
	return r < 0 ? r : say_failure(&passage, sink_finish(sink));
}

static int read_back(const struct tar_job *job, const struct output *output)
{
	struct tar_range range = { .fd = output->fd };
	struct stat status;

	if (fstat(output->fd, &status) < 0)
		return fail(-errno, "cannot read %s", job->label);
	range.size = (uint64_t)status.st_size;
	*job->done = 0;
	progress_phase("reading back");
	return tar_verify(job, &range);
}

int tar_publish(const struct manifest *manifest, const char *path, const struct options *options,
		bool has_end)
{
	CLEANUP(output_close) struct output output = OUTPUT_EMPTY;
	CLEANUP(export_free) struct export_list list = EXPORT_LIST_EMPTY;
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	struct tar_job job = { .has_end = has_end };
	struct timespec start = { 0 };
	struct stat status;
	uint64_t done = 0;
	int r = build_time(&job.mtime);

	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	if (r == 0)
		r = export_list_all(manifest, &list);
	if (r == 0)
		r = text_equal(path, "-") ? output_open_stdout(&output)
					  : output_open(&output, path);
	if (r < 0)
		return r;
	text_format(&label, "'%s'", output.path);
	job.label = text_string(&label);
	job.entries = list.entries;
	job.count = list.count;
	job.total = list.content;
	job.done = &done;
	r = write_all(&job, options, path, &output);
	if (r == 0)
		r = read_back(&job, &output);
	if (r == 0 && fstat(output.fd, &status) < 0)
		r = fail(-errno, "cannot read %s", job.label);
	if (r == 0)
		r = output_publish(&output);
	if (r == 0)
		export_summary(path, &list, (uint64_t)status.st_size, &start);
	return r;
}
