/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_limit.c - what to say of an image that is larger than its profile allows
 *
 * In:    a manifest, the limit
 * Out:   words
 *
 * What an entry takes in an archive that is compressed as a whole cannot be told exactly. It is
 * compressed alone, the largest entries only, and of very large ones the beginning.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compress.h"
#include "fail.h"
#include "image_limit.h"
#include "progress.h"
#include "../init/lib/number.h"

#define SHOWN 10
#define WEIGHED 30 /* entries that are compressed to see what they take */
#define WEIGHED_MOST ((uint64_t)64 << 20)
#define PIECE ((size_t)1 << 18)

struct culprit {
	const struct entry *entry;
	uint64_t bytes;
};

/* large ones first */
static int culprit_order(const void *left, const void *right)
{
	const struct culprit *a = left, *b = right;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return strcmp(a->entry->path, b->entry->path);
}

static int count_bytes(void *context, const void *bytes UNUSED, size_t count)
{
	*(uint64_t *)context += count;
	return 0;
}

static int weigh_content(int fd, struct sink *sink, uint64_t *ret_read)
{
	CLEANUP(memory_free) char *piece = malloc(PIECE);
	int r = piece ? 0 : -ENOMEM;

	*ret_read = 0;
	while (r == 0 && *ret_read < WEIGHED_MOST) {
		ssize_t count = read(fd, piece, PIECE);

		if (count < 0)
			return -errno;
		if (count == 0)
			break;
		*ret_read += (uint64_t)count;
		r = sink_add(sink, piece, (size_t)count);
	}
	return r < 0 ? r : sink_finish(sink);
}

/* about what @culprit takes when it is compressed; left as it is when that cannot be told */
static void weigh(struct culprit *culprit, const struct image_options *options)
{
	CLEANUP(sink_cleanup) struct sink *sink = NULL;
	CLEANUP(fd_close) int fd = -1;
	uint64_t packed = 0, read_bytes = 0;

	progress_step(0, 0, culprit->entry->path);
	if (culprit->entry->type != ENTRY_FILE || entry_open(culprit->entry, &fd) < 0 ||
	    sink_open(options->compression, options->level, options->jobs, count_bytes, &packed,
		      &sink) < 0 ||
	    weigh_content(fd, sink, &read_bytes) < 0)
		return;
	if (culprit->bytes > read_bytes && read_bytes)
		packed = (uint64_t)((double)packed * (double)culprit->bytes / (double)read_bytes);
	culprit->bytes = packed;
}

static void add_table(struct text *text, const struct manifest *manifest,
		      const struct culprit *culprits, size_t count)
{
	for (size_t i = 0; i < count && i < SHOWN; i++) {
		CLEANUP(text_free) struct text size = TEXT_EMPTY;

		size_format(&size, culprits[i].bytes);
		text_format(text, "\n%10s  %s: ", text_string(&size), culprits[i].entry->path);
		manifest_chain(manifest, culprits[i].entry, true, text);
	}
}

int image_fail_limit(const struct manifest *manifest, const char *label,
		     const struct image_options *options)
{
	size_t count = manifest_count(manifest);
	CLEANUP(memory_free) struct culprit *culprits = calloc(count + 1, sizeof(*culprits));
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	bool is_packed = options->compression != COMPRESS_NONE;

	text_format(&line, "'%s' would be over its limit of ", label);
	size_format(&line, options->limit);
	text_format(&line, " (output.limit; --force goes on); the most room%s is taken by",
		    is_packed ? ", compressed," : "");
	progress_phase("looking for what is large");
	for (size_t i = 0; culprits && i < count; i++)
		culprits[i] = (struct culprit){ manifest_at(manifest, i),
						manifest_at(manifest, i)->size };
	if (culprits) {
		qsort(culprits, count, sizeof(*culprits), culprit_order);
		if (count > WEIGHED)
			count = WEIGHED;
		for (size_t i = 0; is_packed && i < count; i++)
			weigh(&culprits[i], options);
		qsort(culprits, count, sizeof(*culprits), culprit_order);
		add_table(&line, manifest, culprits, count);
	}
	(void)fail(0, "%s", text_string(&line));
	return -EFBIG;
}
