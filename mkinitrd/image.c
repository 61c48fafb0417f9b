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
#include <unistd.h>

#include "archive.h"
#include "compress.h"
#include "fail.h"
#include "image_limit.h"
#include "image_order.h"
#include "image_squashfs.h"
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

static int write_squashfs(struct writer *writer, struct manifest *manifest,
			  struct image_squashfs *squashfs)
{
	const struct image_options *options = writer->options;
	struct target *target = &writer->target;
	int r;

	if (target->limit && target->written >= target->limit)
		return image_fail_limit(writer->manifest, writer->label, options);
	squashfs->offset = target->written;
	squashfs->most = target->limit ? target->limit - target->written : 0;
	r = image_squashfs_write(squashfs, manifest, &writer->result);
	if (r == -EOVERFLOW)
		return image_fail_limit(writer->manifest, writer->label, options);
	if (r < 0)
		return r;
	/* the limit is that of both files together */
	target->written += squashfs->beside ? 0 : squashfs->segment_size;
	if (squashfs->beside && target->limit)
		target->limit -= squashfs->made.size;
	return options->squashfs_made ? options->squashfs_made(options->context, &squashfs->made)
				      : 0;
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

/* an image that is being written */
struct publication {
	struct manifest *manifest;
	const char *label;
	const struct image_options *options;
	struct output output, beside;
	struct image_order order;
	struct archive_job archive;
	struct image_squashfs squashfs;
	struct image_result result;
};

static void publication_free(struct publication *publication)
{
	(void)image_squashfs_join(&publication->squashfs);
	image_order_free(&publication->order);
	output_close(&publication->beside);
	output_close(&publication->output);
}

/* The early segment, and the SquashFS. One that is carried comes first in time: with it the boot
 * plan is finished, which the early segment has. Zeros are between the two, as the kernel and
 * others take them between segments. */
static int write_front(struct writer *writer, struct publication *publication)
{
	const struct archive_job *job = &publication->archive;
	struct target *target = &writer->target;
	bool is_carried =
		job->count && publication->order.squashfs_count && !publication->squashfs.beside;
	uint64_t end, room = 0;
	int r = 0;

	if (is_carried)
		target->written = room = archive_size_most(job);
	else if (job->count)
		r = write_segment(writer, job);
	if (r == 0 && publication->order.squashfs_count)
		r = write_squashfs(writer, publication->manifest, &publication->squashfs);
	if (r < 0 || !is_carried)
		return r;
	end = target->written;
	target->written = 0;
	if (lseek(target->fd, 0, SEEK_SET) < 0)
		return fail(-errno, "cannot write '%s'", writer->label);
	r = write_segment(writer, job);
	if (r == 0 && target->written > room)
		r = fail(-EFBIG, "cannot write '%s': its boot plan has grown", writer->label);
	if (r == 0 && lseek(target->fd, (off_t)end, SEEK_SET) < 0)
		r = fail(-errno, "cannot write '%s'", writer->label);
	target->written = end;
	return r;
}

static int write_archives(struct publication *publication)
{
	const struct image_options *options = publication->options;
	const struct image_order *order = &publication->order;
	struct archive_job *job = &publication->archive;
	struct writer writer = {
		.manifest = publication->manifest,
		.label = publication->label,
		.options = options,
		.target = { .fd = publication->output.fd,
			    .limit = options->is_forced ? 0 : options->limit },
	};
	int r;

	for (size_t i = 0; i < manifest_count(publication->manifest); i++)
		job->content_most += entry_own_size(manifest_at(publication->manifest, i));
	job->is_early = true;
	job->entries = order->entries;
	job->places = order->places;
	job->count = order->early_count;
	r = write_front(&writer, publication);
	progress_phase(options->compression == COMPRESS_NONE ? "writing" : "compressing");
	job->is_early = false;
	job->entries = order->entries + order->early_count;
	job->places = order->places + order->early_count;
	job->count = order->count - order->early_count;
	if (r == 0)
		r = write_segment(&writer, job);
	if (r < 0)
		return r;
	writer.result.bytes_out = writer.target.written;
	if (options->limit && writer.target.written > options->limit)
		warn_limit(&writer);
	publication->result = writer.result;
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

/* a SquashFS is compressed in any case, and it is the larger part */
static bool is_packed(const struct image_options *options)
{
	return options->compression != COMPRESS_NONE || options->squashfs;
}

/* Nothing is compressed: the limit can be judged before anything is written. Otherwise it is known
 * as soon as it is passed. */
static int check_limit(const struct manifest *manifest, const char *path,
		       const struct image_options *options)
{
	uint64_t content = 0;

	for (size_t i = 0; i < manifest_count(manifest); i++)
		content += entry_own_size(manifest_at(manifest, i));
	if (is_packed(options) || options->limit == 0 || options->is_forced ||
	    content <= options->limit)
		return 0;
	return image_fail_limit(manifest, path, options);
}

/* Refuse only what cannot succeed: what compresses to less than an eighth is hardly worth an
 * image. A third is what programs and modules usually come to. */
static int check_space(const struct manifest *manifest, const struct output *output,
		       const struct image_options *options)
{
	uint64_t free_bytes = output_free_bytes(output), content = 0;
	CLEANUP(text_free) struct text free_text = TEXT_EMPTY;
	CLEANUP(text_free) struct text needed_text = TEXT_EMPTY;

	for (size_t i = 0; i < manifest_count(manifest); i++)
		content += entry_own_size(manifest_at(manifest, i));
	if (free_bytes >= (is_packed(options) ? content / 8 : content))
		return 0;
	size_format(&free_text, free_bytes);
	size_format(&needed_text, is_packed(options) ? content / 3 : content);
	return fail(-ENOSPC, "cannot write '%s': %s are free there and about %s are needed",
		    output->path, text_string(&free_text), text_string(&needed_text));
}

static int open_outputs(struct publication *publication)
{
	const char *beside = publication->options->squashfs_path;
	int r = output_open(&publication->output, publication->label);

	if (r < 0 || !beside)
		return r;
	if (text_equal(beside, publication->label))
		return fail(0,
			    "'%s' cannot be image and SquashFS; give another name with -o or "
			    "--squashfs",
			    beside);
	r = output_open(&publication->beside, beside);
	publication->squashfs.beside = &publication->beside;
	return r;
}

/* read back. Return: 0 or a negative errno */
static int verify(struct publication *publication)
{
	const struct output *output = &publication->output, *beside = &publication->beside;
	int r;

	/* the disk may begin while we read back */
	(void)sync_file_range(output->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	if (beside->fd >= 0)
		(void)sync_file_range(beside->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	progress_phase("verifying");
	r = image_verify(publication->manifest, output->fd, publication->label,
			 publication->options);
	if (r == 0 && publication->order.squashfs_count)
		r = image_squashfs_verify(&publication->squashfs);
	return r;
}

int image_publish(struct manifest *manifest, const char *path, const struct image_options *options,
		  struct image_result *ret_result)
{
	CLEANUP(publication_free)
	struct publication publication = {
		.manifest = manifest,
		.label = path,
		.options = options,
		.output = OUTPUT_EMPTY,
		.beside = OUTPUT_EMPTY,
	};
	int r;

	publication.archive = (struct archive_job){
		.manifest = manifest,
		.options = options,
		.output = &publication.output,
	};
	publication.squashfs = (struct image_squashfs){
		.archive = &publication.archive,
		.order = &publication.order,
		.label = path,
	};
	r = add_own_directory(manifest);
	if (r == 0 && image_order_make(manifest, options, &publication.order) < 0)
		r = fail(-ENOMEM, "cannot write '%s'", path);
	if (r == 0)
		r = open_outputs(&publication);
	if (r == 0)
		r = check_limit(manifest, path, options);
	if (r == 0)
		r = check_space(manifest, &publication.output, options);
	if (r == 0)
		r = write_archives(&publication);
	if (r == 0)
		r = verify(&publication);
	/* an image is of no use without its SquashFS: that one first */
	if (r == 0 && options->squashfs_path)
		r = output_publish(&publication.beside);
	if (r == 0)
		r = output_publish(&publication.output);
	if (r < 0)
		return r;
	*ret_result = publication.result;
	return 0;
}
