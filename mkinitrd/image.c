/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.c - a manifest as a file: archive -> compressor -> file, then read back and renamed
 *
 * In:    a finished manifest
 * Out:   an image
 * Not:   the archive's bytes (archive.c), compressors (compress.c), the temporary file (output.c)
 *
 * A thread reads and hashes the sources and fills pieces; this thread gives them to the compressor,
 * which has workers of its own, and writes what comes out. Memory is bounded by the pieces.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "compress.h"
#include "fail.h"
#include "image_limit.h"
#include "image_order.h"
#include "output.h"
#include "progress.h"
#include "../init/lib/file.h"
#include "../init/lib/number.h"

/* where compressed bytes go */
struct target {
	int fd;
	uint64_t written, limit;
	int error; /* of writing, or -EOVERFLOW for the limit; 0: none */
};

static int target_write(void *context, const void *bytes, size_t count)
{
	struct target *target = context;

	if (target->limit && target->written + count > target->limit)
		target->error = -EOVERFLOW;
	else
		target->error = file_write_fd(target->fd, bytes, count);
	target->written += count;
	return target->error;
}

/* ---- writing ---- */

/* what the segments of one image have in common */
struct writer {
	const struct manifest *manifest;
	const char *label;
	const struct image_options *options;
	struct target target;
	struct image_result result;
};

struct producer {
	struct archive_job job;
	struct relay *relay;
	struct image_result *result;
};

static void *produce(void *context)
{
	const struct producer *producer = context;

	(void)archive_make(&producer->job, producer->relay, producer->result);
	return NULL;
}

/* every piece through the compressor. Return: 0, what the other thread failed with (spoken), or
 * @sink's error (not spoken) with *ret_is_spoken false */
static int pump(struct relay *relay, struct sink *sink, bool *ret_is_spoken)
{
	const unsigned char *piece;
	ssize_t length;
	int r = 0;

	*ret_is_spoken = false;
	while (r == 0 && (length = relay_take(relay, &piece)) != 0) {
		if (length < 0)
			*ret_is_spoken = true;
		r = length < 0 ? (int)length : sink_add(sink, piece, (size_t)length);
	}
	return r < 0 ? r : sink_finish(sink);
}

static void relay_cleanup(struct relay **relay)
{
	relay_free(*relay);
}

/* one archive through one compressor; @job says what is in it */
static int write_segment(struct writer *writer, const struct archive_job *job)
{
	const struct image_options *options = writer->options;
	CLEANUP(relay_cleanup) struct relay *relay = relay_new();
	CLEANUP(sink_cleanup) struct sink *sink = NULL;
	struct producer producer = { *job, relay, &writer->result };
	struct target *target = &writer->target;
	bool is_spoken;
	pthread_t thread;
	int r;

	r = relay ? sink_open(job->is_early ? COMPRESS_NONE : options->compression,
			      job->is_early ? 0 : options->level, options->jobs, target_write,
			      target, &sink)
		  : -ENOMEM;
	if (r == 0)
		r = -pthread_create(&thread, NULL, produce, &producer);
	if (r != 0)
		return fail(r, "cannot write '%s'", writer->label);
	r = pump(relay, sink, &is_spoken);
	relay_cancel(relay);
	(void)pthread_join(thread, NULL);
	if (target->error == -EOVERFLOW)
		return image_fail_limit(writer->manifest, writer->label, options);
	if (r < 0 && !is_spoken)
		return fail(r, "cannot write '%s' after %llu MB; nothing else was changed",
			    writer->label, (unsigned long long)(target->written / 1000000));
	return r;
}

/* --force */
static void warn_limit(const struct writer *writer)
{
	CLEANUP(text_free) struct text size = TEXT_EMPTY;
	CLEANUP(text_free) struct text limit = TEXT_EMPTY;

	size_format(&size, writer->target.written);
	size_format(&limit, writer->options->limit);
	warn("'%s' has %s, which is over its limit of %s (output.limit); going on (--force)",
	     writer->label, text_string(&size), text_string(&limit));
}

static int write_archives(struct manifest *manifest, const struct output *output, const char *label,
			  const struct image_options *options, struct image_result *ret_result)
{
	CLEANUP(image_order_free) struct image_order order = IMAGE_ORDER_EMPTY;
	struct writer writer = {
		.manifest = manifest,
		.label = label,
		.options = options,
		.target = { .fd = output->fd, .limit = options->is_forced ? 0 : options->limit },
	};
	struct archive_job job = {
		.manifest = manifest,
		.options = options,
		.output = output,
	};
	int r = image_order_make(manifest, &order);

	if (r < 0)
		return fail(r, "cannot write '%s'", label);
	for (size_t i = 0; i < order.count; i++)
		job.content_most += order.entries[i]->size;
	job.is_early = true;
	job.entries = order.entries;
	job.count = order.early_count;
	progress_phase(options->compression == COMPRESS_NONE ? "writing" : "compressing");
	if (order.early_count)
		r = write_segment(&writer, &job);
	job.is_early = false;
	job.entries = order.entries + order.early_count;
	job.count = order.count - order.early_count;
	if (r == 0)
		r = write_segment(&writer, &job);
	if (r < 0)
		return r;
	writer.result.bytes_out = writer.target.written;
	if (options->limit && writer.target.written > options->limit)
		warn_limit(&writer);
	*ret_result = writer.result;
	return 0;
}

/* the directories above the two entries that the writer adds: a boot plan usually brings them */
static int add_own_directory(struct manifest *manifest)
{
	CLEANUP(memory_free) char *directory = strdup(MANIFEST_PATH);
	int r;

	if (!directory)
		return fail(-ENOMEM, "cannot write an image");
	*strrchr(directory, '/') = '\0';
	if (manifest_find(manifest, directory))
		return 0;
	r = manifest_add(manifest,
			 &(struct addition){
				 .path = directory,
				 .type = ENTRY_DIRECTORY,
				 .mode = 0755,
				 .source.directory_fd = -1,
				 .relation = "directory of the image's manifest",
			 },
			 NULL);
	return r < 0 ? r : manifest_finish(manifest, NULL, NULL);
}

/* Nothing is compressed: the limit can be judged before anything is written. Otherwise it is known
 * as soon as it is passed. */
static int check_limit(const struct manifest *manifest, const char *path,
		       const struct image_options *options)
{
	uint64_t content = 0;

	for (size_t i = 0; i < manifest_count(manifest); i++)
		content += manifest_at(manifest, i)->size;
	if (options->compression != COMPRESS_NONE || options->limit == 0 || options->is_forced ||
	    content <= options->limit)
		return 0;
	return image_fail_limit(manifest, path, options);
}

/* Refuse only what cannot succeed: what compresses to less than an eighth is hardly worth an
 * image. A third is what programs and modules usually come to. */
static int check_space(const struct manifest *manifest, const struct output *output,
		       enum compression compression)
{
	uint64_t free_bytes = output_free_bytes(output), content = 0;
	CLEANUP(text_free) struct text free_text = TEXT_EMPTY;
	CLEANUP(text_free) struct text needed_text = TEXT_EMPTY;

	for (size_t i = 0; i < manifest_count(manifest); i++)
		content += manifest_at(manifest, i)->size;
	if (free_bytes >= (compression == COMPRESS_NONE ? content : content / 8))
		return 0;
	size_format(&free_text, free_bytes);
	size_format(&needed_text, compression == COMPRESS_NONE ? content : content / 3);
	return fail(-ENOSPC, "cannot write '%s': %s are free there and about %s are needed",
		    output->path, text_string(&free_text), text_string(&needed_text));
}

int image_publish(struct manifest *manifest, const char *path, const struct image_options *options,
		  struct image_result *ret_result)
{
	CLEANUP(output_close) struct output output = OUTPUT_EMPTY;
	struct image_result result;
	int r;

	r = add_own_directory(manifest);
	if (r == 0)
		r = output_open(&output, path);
	if (r == 0)
		r = check_limit(manifest, path, options);
	if (r == 0)
		r = check_space(manifest, &output, options->compression);
	if (r == 0)
		r = write_archives(manifest, &output, path, options, &result);
	if (r < 0)
		return r;
	/* the disk may begin while we read back */
	(void)sync_file_range(output.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	progress_phase("verifying");
	r = image_verify(manifest, output.fd, path, options);
	if (r == 0)
		r = output_publish(&output);
	if (r < 0)
		return r;
	*ret_result = result;
	return 0;
}
