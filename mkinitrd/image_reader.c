/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_reader.c - the entries of an image, whoever made it
 *
 * In:    a regular file of any number of newc archives, zeros between them, and compressed streams
 *        that hold such archives
 * Out:   entries and their content, in order
 * Not:   where archives begin and unpacking (segment.c), a record's header (image_reader_cpio.c),
 *        a SquashFS (image_reader_squashfs.c)
 * Facts: the sum of the 070702 form is of regular files' content alone: kernel init/initramfs.c,
 *        do_copy(); GNU cpio writes 0 for all else
 *
 * Everything read is untrusted: lengths are checked before use, and memory does not grow with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "escape.h"
#include "image_reader_private.h"

int reader_broken(struct image_reader *reader, int error, const char *format, ...)
{
	CLEANUP(memory_free) char *why = NULL;
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	va_list arguments;

	reader->result = error;
	if (reader->is_hushed)
		return error;
	va_start(arguments, format);
	if (vasprintf(&why, format, arguments) < 0)
		why = NULL;
	va_end(arguments);
	escape_name(&line, why ? why : format); /* names of entries may stand in it */
	(void)fail(error == -EBADMSG ? 0 : error, "cannot read image '%s': %s", reader->label,
		   text_string(&line));
	return error;
}

int image_open_fd(int fd, const char *label, struct image_reader **ret_reader)
{
	CLEANUP(image_cleanup) struct image_reader *reader = calloc(1, sizeof(*reader));
	char magic[4];
	struct stat status;
	int r;

	if (fstat(fd, &status) < 0)
		return fail(-errno, "cannot read image '%s'", label);
	if (!S_ISREG(status.st_mode))
		return fail(0, "cannot read image '%s': it is no regular file", label);
	if (status.st_size == 0)
		return fail(0, "cannot read image '%s': it is empty", label);
	r = reader ? segments_open(fd, &reader->segments) : -ENOMEM;
	if (r == 0) {
		reader->label = strdup(label);
		r = reader->label ? 0 : -ENOMEM;
	}
	if (r < 0)
		return fail(r, "cannot read image '%s'", label);
	reader->fd = fd;
	if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && memcmp(magic, "hsqs", 4) == 0) {
		reader->squashfs_size = (uint64_t)status.st_size;
		reader->is_squashfs = true;
	}
	*ret_reader = reader;
	reader = NULL;
	return 0;
}

int image_open(const char *path, struct image_reader **ret_reader)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer */
	CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd < 0)
		return fail(-errno, "cannot read image '%s'", path);
	r = image_open_fd(fd, path, ret_reader);
	if (r == 0)
		segments_own((*ret_reader)->segments, fd_take(&fd));
	return r;
}

void image_close(struct image_reader *reader)
{
	if (!reader)
		return;
	squashfs_reader_close(reader->squashfs);
	segments_close(reader->segments);
	free(reader->label);
	free(reader);
}

void image_keep_parents(struct image_reader *reader)
{
	reader->keeps_parents = true;
}

void image_hush(struct image_reader *reader)
{
	reader->is_hushed = true;
}

bool image_lacks_trailer(const struct image_reader *reader)
{
	return reader->lacks_trailer;
}

/* nothing is left of the current entry's content: does it add up? */
static int check_sum(struct image_reader *reader)
{
	if (reader->left || !reader->has_check || reader->sum == reader->check)
		return 0;
	return reader_broken(reader, -EBADMSG,
			     "the checksum of '%s' is wrong: its bytes add up to %08x, not to %08x",
			     reader->path, reader->sum, reader->check);
}

/* @count bytes of the current entry's content were read */
static int content_read(struct image_reader *reader, const unsigned char *bytes, size_t count)
{
	reader->left -= count;
	for (size_t i = 0; reader->has_check && i < count; i++)
		reader->sum += bytes[i];
	return check_sum(reader);
}

/* what is unread of the current entry */
static int skip_rest(struct image_reader *reader)
{
	const unsigned char *piece;
	ssize_t count = 1;
	uint64_t size;

	while (reader->has_check && count > 0)
		count = image_read_piece(reader, &piece);
	if (count < 0)
		return (int)count;
	size = reader->left + reader->padding;
	reader->left = 0;
	reader->padding = 0;
	return reader_take(reader, NULL, size, reader->path);
}

int image_next(struct image_reader *reader, struct image_entry *ret_entry)
{
	struct cpio_header header;
	int r = reader->result;

	if (r == 0 && (reader->squashfs || reader->squashfs_size)) {
		r = reader_squashfs_next(reader, ret_entry);
		if (r != 0)
			return r;
	}
	if (r == 0 && reader->is_squashfs)
		return 0;
	if (r == 0)
		r = skip_rest(reader);
	if (r < 0)
		return r;
	while ((r = reader_header(reader, &header)) == 1 &&
	       text_equal(reader->name, CPIO_TRAILER)) {
		r = skip_rest(reader);
		if (r < 0)
			return r;
		reader->in_archive = false;
		reader->segment++;
	}
	if (r <= 0)
		return r;
	r = reader_path(reader);
	if (r == 0 && S_ISLNK(header.mode))
		r = reader_target(reader, header.size);
	if (r == 0)
		r = check_sum(reader);
	if (r < 0)
		return r;
	*ret_entry = (struct image_entry){
		.path = reader->path,
		.mode = header.mode,
		.uid = header.uid,
		.gid = header.gid,
		.nlink = header.nlink,
		.inode = header.inode,
		.device = (uint64_t)header.device_major << 32 | header.device_minor,
		.special_major = header.special_major,
		.special_minor = header.special_minor,
		.mtime = header.mtime,
		.size = header.size,
		.target = S_ISLNK(header.mode) ? reader->target : NULL,
		.segment = reader->segment,
		.name = reader->name,
		.offset = segments_offset(reader->segments),
		.compression = segments_compression(reader->segments),
	};
	reader_squashfs_meet(reader, ret_entry);
	return 1;
}

ssize_t image_read(struct image_reader *reader, void *buffer, size_t size)
{
	ssize_t count;
	int r;

	if (reader->result < 0)
		return reader->result;
	if (reader->squashfs)
		return reader_squashfs_read(reader, buffer, size);
	if (size > reader->left)
		size = (size_t)reader->left;
	if (size == 0)
		return 0;
	count = reader_take_some(reader, buffer, size);
	if (count == 0)
		return reader_broken(reader, -EBADMSG, "it ends in the middle of %s", reader->path);
	if (count < 0)
		return count;
	r = content_read(reader, buffer, (size_t)count);
	return r < 0 ? r : count;
}

ssize_t image_read_piece(struct image_reader *reader, const unsigned char **ret_piece)
{
	ssize_t count;
	int r;

	if (reader->result < 0)
		return reader->result;
	if (reader->squashfs)
		return reader_squashfs_piece(reader, ret_piece);
	if (reader->left == 0)
		return 0;
	count = segments_peek(reader->segments, ret_piece);
	if (count < 0)
		return reader_broken(reader, (int)count, "%s", segments_problem(reader->segments));
	if (count == 0)
		return reader_broken(reader, -EBADMSG, "it ends in the middle of %s", reader->path);
	if ((uint64_t)count > reader->left)
		count = (ssize_t)reader->left;
	r = content_read(reader, *ret_piece, (size_t)count);
	segments_advance(reader->segments, (size_t)count);
	return r < 0 ? r : count;
}
