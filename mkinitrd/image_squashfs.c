/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_squashfs.c - the SquashFS of an image (see image_squashfs.h)
 *
 * In:    the entries that go into it
 * Out:   the SquashFS; carried, with header and trailer of a segment around it
 * Not:   the SquashFS itself (squashfs_make.c)
 *
 * The SquashFS is written where it will lie, and the header before it when its size is known.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpio.h"
#include "fail.h"
#include "image_squashfs.h"
#include "../init/lib/file.h"

#define BLOCK 512
#define HEAD_SIZE (CPIO_HEADER_SIZE + sizeof(SQUASHFS_NAME))

/* header and name of a record, and the zeros behind them */
static size_t head_make(const struct cpio_header *header, const char *name, char *bytes)
{
	size_t length = CPIO_HEADER_SIZE + header->name_size, padding = cpio_padding(length);

	cpio_format(header, bytes);
	memcpy(bytes + CPIO_HEADER_SIZE, name, header->name_size);
	memset(bytes + length, 0, padding);
	return length + padding;
}

/* what stands around the SquashFS at @start. Return: 0 or a negative errno; not spoken */
static int frame_write(struct image_squashfs *squashfs, uint64_t start)
{
	uint64_t size = squashfs->made.size;
	const struct cpio_header header = {
		.inode = 1,
		.mode = S_IFREG | SQUASHFS_MODE,
		.nlink = 1,
		.mtime = (uint32_t)squashfs->archive->options->mtime,
		.size = (uint32_t)size,
		.name_size = sizeof(SQUASHFS_NAME),
	};
	const struct cpio_header trailer = { .nlink = 1, .name_size = sizeof(CPIO_TRAILER) };
	int fd = squashfs->archive->output->fd;
	char bytes[BLOCK * 2] = "";
	uint64_t end = start + size + cpio_padding(size);
	size_t length = head_make(&header, SQUASHFS_NAME, bytes);
	int r = file_write_at(fd, bytes, length, squashfs->offset);

	memset(bytes, 0, sizeof(bytes));
	length = head_make(&trailer, CPIO_TRAILER, bytes);
	length += (size_t)(-(end + length - squashfs->offset) % BLOCK);
	if (r == 0)
		r = file_write_at(fd, bytes, length, end);
	squashfs->segment_size = end + length - squashfs->offset;
	if (r == 0 && lseek(fd, (off_t)(squashfs->offset + squashfs->segment_size), SEEK_SET) < 0)
		r = -errno;
	return r;
}

/* ---- reading back ---- */

static void *read_back(void *context)
{
	struct image_squashfs *squashfs = context;

	squashfs->read_result = squashfs_verify(&squashfs->job, squashfs->made.record.size);
	return NULL;
}

static void read_back_start(struct image_squashfs *squashfs)
{
	/* what was proved byte by byte as it was copied needs no unpacking */
	if (squashfs->made.is_reused)
		return;
	squashfs->is_reading = pthread_create(&squashfs->reader, NULL, read_back, squashfs) == 0;
	if (!squashfs->is_reading) /* no thread to be had: in this one */
		(void)read_back(squashfs);
}

int image_squashfs_join(struct image_squashfs *squashfs)
{
	if (squashfs->is_reading)
		(void)pthread_join(squashfs->reader, NULL);
	squashfs->is_reading = false;
	return squashfs->read_result;
}

int image_squashfs_verify(struct image_squashfs *squashfs)
{
	int r = image_squashfs_join(squashfs);

	return r < 0 ? r : squashfs_verify_tree(&squashfs->job, &squashfs->made);
}

/* ---- writing ---- */

/* the file that will be replaced may have one made of the same */
static int make(struct image_squashfs *squashfs)
{
	const struct archive_job *archive = squashfs->archive;
	const struct output *output = archive->output, *beside = squashfs->beside;
	int r = squashfs_make(&squashfs->job, output->replaced.st_ino ? output->path : NULL,
			      beside && beside->replaced.st_ino ? beside->path : NULL,
			      &squashfs->made);

	if (r < 0)
		return r;
	read_back_start(squashfs);
	return squashfs_finish(&squashfs->job, archive->options->verity, &squashfs->made);
}

int image_squashfs_write(struct image_squashfs *squashfs, struct manifest *manifest,
			 struct image_result *result)
{
	const struct image_options *options = squashfs->archive->options;
	uint64_t start =
		squashfs->beside ? 0 : squashfs->offset + HEAD_SIZE + cpio_padding(HEAD_SIZE);
	uint64_t carried_most = CPIO_FILE_MOST / SQUASHFS_PADDING * SQUASHFS_PADDING;
	uint64_t most = squashfs->most, before = result->content;
	int r;

	if (!squashfs->beside && (most == 0 || most > carried_most))
		most = carried_most;
	squashfs->job = (struct squashfs_job){
		.entries = squashfs->order->squashfs,
		.count = squashfs->order->squashfs_count,
		.form = options->squashfs,
		.jobs = options->jobs,
		.mtime = options->mtime,
		.label = squashfs->label,
		.output = squashfs->archive->output,
		.fd = squashfs->beside ? squashfs->beside->fd : squashfs->archive->output->fd,
		.offset = start,
		.most = most,
		.content_done = &result->content,
		.content_most = squashfs->archive->content_most,
	};
	r = make(squashfs);
	if (r == -EOVERFLOW && most != squashfs->most)
		return fail(-EFBIG,
			    "cannot write '%s': a SquashFS in an image has at most 4 GiB; "
			    "write it beside the image (--squashfs)",
			    squashfs->label);
	if (r == 0 && !squashfs->beside && frame_write(squashfs, start) < 0)
		return fail(-errno, "cannot write '%s'", squashfs->label);
	if (r < 0)
		return r;
	squashfs->made.record.is_beside = squashfs->beside != NULL;
	for (size_t i = 0; i < squashfs->order->count; i++)
		squashfs->made.archive_content += entry_own_size(squashfs->order->entries[i]);
	manifest_set_squashfs(manifest, &squashfs->made.record);
	for (size_t i = 0; i < squashfs->job.count; i++)
		result->bytes_in += entry_own_size(squashfs->job.entries[i]);
	result->content = before + (squashfs->beside ? 0 : squashfs->made.size);
	result->squashfs = squashfs->made.size;
	result->is_reused = squashfs->made.is_reused;
	result->files += squashfs->job.count;
	return 0;
}
