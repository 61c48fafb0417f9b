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
#include "output.h"
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

/* ---- the limit ---- */

#define LARGEST 10

static int size_order(const void *left, const void *right)
{
	const struct entry *const *a = left;
	const struct entry *const *b = right;

	if ((*a)->size != (*b)->size)
		return (*a)->size < (*b)->size ? 1 : -1;
	return strcmp((*a)->path, (*b)->path);
}

/* the largest entries and who wanted them, in one line */
static int fail_limit(const struct manifest *manifest, const char *label, uint64_t limit)
{
	size_t count = manifest_count(manifest);
	CLEANUP(memory_free)
	const struct entry **entries = calloc(count + 1, sizeof(struct entry *));
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	text_format(&line, "'%s' would be over its limit of ", label);
	size_format(&line, limit);
	text_add(&line, " (output: limit); the largest are ");
	for (size_t i = 0; entries && i < count; i++)
		entries[i] = manifest_at(manifest, i);
	if (entries)
		qsort(entries, count, sizeof(struct entry *), size_order);
	for (size_t i = 0; entries && i < count && i < LARGEST; i++) {
		text_format(&line, "%s%s (", i ? ", " : "", entries[i]->path);
		size_format(&line, entries[i]->size);
		text_add(&line, ", ");
		manifest_chain(manifest, entries[i], true, &line);
		text_add(&line, ")");
	}
	(void)fail(0, "%s", text_string(&line));
	return -EFBIG;
}

/* ---- writing ---- */

struct producer {
	struct manifest *manifest;
	const struct image_options *options;
	struct relay *relay;
	struct image_result *result;
};

static void *produce(void *context)
{
	const struct producer *producer = context;

	(void)archive_make(producer->manifest, producer->options, producer->relay,
			   producer->result);
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

static int write_archive(struct manifest *manifest, int fd, const char *label,
			 const struct image_options *options, struct image_result *ret_result)
{
	CLEANUP(relay_cleanup) struct relay *relay = relay_new();
	CLEANUP(sink_cleanup) struct sink *sink = NULL;
	struct target target = { .fd = fd, .limit = options->limit };
	struct image_result result = { 0 };
	struct producer producer = { manifest, options, relay, &result };
	bool is_spoken;
	pthread_t thread;
	int r;

	r = relay ? sink_open(options->compression, options->level, options->jobs, target_write,
			      &target, &sink)
		  : -ENOMEM;
	if (r == 0)
		r = -pthread_create(&thread, NULL, produce, &producer);
	if (r != 0)
		return fail(r, "cannot write '%s'", label);
	r = pump(relay, sink, &is_spoken);
	relay_cancel(relay);
	(void)pthread_join(thread, NULL);
	if (target.error == -EOVERFLOW)
		return fail_limit(manifest, label, options->limit);
	if (r < 0 && !is_spoken)
		return fail(r, "cannot write '%s' after %llu MB; nothing else was changed", label,
			    (unsigned long long)(target.written / 1000000));
	if (r < 0)
		return r;
	result.bytes_out = target.written;
	*ret_result = result;
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
		r = check_space(manifest, &output, options->compression);
	if (r == 0)
		r = write_archive(manifest, output.fd, path, options, &result);
	if (r < 0)
		return r;
	/* the disk may begin while we read back */
	(void)sync_file_range(output.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	r = image_verify(manifest, output.fd, path);
	if (r == 0)
		r = output_publish(&output);
	if (r < 0)
		return r;
	*ret_result = result;
	return 0;
}
