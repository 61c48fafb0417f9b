/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_reader.c - the entries of an image, whoever made it
 *
 * In:    a regular file of any number of newc archives, zeros between them, and compressed streams
 *        that hold such archives
 * Out:   entries and their content, in order
 * Not:   where archives begin and unpacking (segment.c)
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

#include "cpio.h"
#include "escape.h"
#include "fail.h"
#include "image.h"
#include "segment.h"

struct image_reader {
	char *label;
	struct segments *segments;
	char name[CPIO_NAME_MOST]; /* as stored */
	char path[CPIO_NAME_MOST + 1], target[CPIO_NAME_MOST];
	uint64_t left;  /* unread bytes of the current entry's content */
	size_t padding; /* zeros after it */
	bool has_check; /* the content's bytes add up to @check; so far to @sum */
	uint32_t check, sum;
	bool keeps_parents, lacks_trailer, is_hushed;
	bool in_archive; /* a record was read and no trailer yet */
	unsigned segment;
	int result; /* the first failure stays */
};

/* one line, once; later calls repeat the result */
static int PRINTF_LIKE(3, 4) broken(struct image_reader *reader, int error, const char *format, ...)
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

/* up to @size bytes of the stream, 0 only at its end; NULL @bytes: they are skipped */
static ssize_t take_some(struct image_reader *reader, void *bytes, uint64_t size)
{
	const unsigned char *data;
	ssize_t count = segments_peek(reader->segments, &data);

	if (count <= 0)
		return count < 0 ? broken(reader, (int)count, "%s",
					  segments_problem(reader->segments))
				 : 0;
	if ((uint64_t)count > size)
		count = (ssize_t)size;
	if (bytes)
		memcpy(bytes, data, (size_t)count);
	segments_advance(reader->segments, (size_t)count);
	return count;
}

/* exactly @size bytes; @what is being read, for the message when the stream ends before */
static int take(struct image_reader *reader, void *bytes, uint64_t size, const char *what)
{
	char *position = bytes;

	while (size) {
		ssize_t count = take_some(reader, position, size);

		if (count < 0)
			return (int)count;
		if (count == 0)
			return broken(reader, -EBADMSG, "it ends in the middle of %s", what);
		if (position)
			position += count;
		size -= (uint64_t)count;
	}
	return 0;
}

/* nothing is left of the current entry's content: does it add up? */
static int check_sum(struct image_reader *reader)
{
	if (reader->left || !reader->has_check || reader->sum == reader->check)
		return 0;
	return broken(reader, -EBADMSG,
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
	return take(reader, NULL, size, reader->path);
}

/* to the next header. Return: 1 there is one, 0 the end of the image, or an error */
static int find_header(struct image_reader *reader)
{
	const unsigned char *bytes;
	int r;

	if (reader->in_archive) {
		ssize_t count = segments_peek(reader->segments, &bytes);

		if (count < 0)
			return broken(reader, (int)count, "%s", segments_problem(reader->segments));
		if (count > 0)
			return 1;
		/* the kernel has made all the entries by then, and grumbles at most */
		if (!reader->is_hushed)
			warn("image '%s': an archive ends without its trailer, going on",
			     reader->label);
		reader->lacks_trailer = true;
		reader->in_archive = false;
		reader->segment++;
	}
	while ((r = segments_next_archive(reader->segments)) == 2)
		if (!reader->is_hushed)
			warn("image '%s': %s", reader->label, segments_problem(reader->segments));
	return r < 0 ? broken(reader, r, "%s", segments_problem(reader->segments)) : r;
}

/* the name as stored -> reader->path without leading "/" and "./", and without empty parts */
static int normalise(struct image_reader *reader)
{
	const char *name = reader->name;
	char *end = reader->path;

	while (*name) {
		size_t length = strcspn(name, "/");

		if (length == 2 && name[0] == '.' && name[1] == '.' && !reader->keeps_parents)
			return broken(reader, -EBADMSG,
				      "an entry's path leads out of it by \"..\"");
		if (length && !(length == 1 && name[0] == '.')) {
			if (end > reader->path)
				*end++ = '/';
			memcpy(end, name, length);
			end += length;
		}
		name += length;
		name += *name == '/';
	}
	if (end == reader->path)
		*end++ = '.';
	*end = '\0';
	return 0;
}

static int read_name(struct image_reader *reader, uint32_t size)
{
	char *name = reader->name;
	size_t length;
	int r;

	if (size < 2 || size > CPIO_NAME_MOST)
		return broken(reader, -EBADMSG, "an entry's name has %u bytes", size);
	r = take(reader, name, size, "an entry's name");
	if (r < 0)
		return r;
	/* zeros may follow the name: some writers align the content that way */
	length = strnlen(name, size);
	for (size_t i = length; i < size; i++)
		if (name[i])
			return broken(reader, -EBADMSG, "there is a NUL inside of an entry's name");
	if (length == size || length == 0)
		return broken(reader, -EBADMSG, "an entry's name has no end");
	return take(reader, NULL, cpio_padding(CPIO_HEADER_SIZE + (uint64_t)size),
		    "an entry's name");
}

static int read_target(struct image_reader *reader, uint32_t size)
{
	int r;

	if (size == 0 || size >= sizeof(reader->target))
		return broken(reader, -EBADMSG, "symlink '%s' has a target of %u bytes",
			      reader->path, size);
	r = take(reader, reader->target, size, reader->path);
	if (r < 0)
		return r;
	reader->target[size] = '\0';
	if (strlen(reader->target) != size)
		return broken(reader, -EBADMSG, "there is a NUL inside of symlink '%s'",
			      reader->path);
	reader->left = 0;
	return 0;
}

/* header and name. Return: 1, 0 at the end of the image, or an error */
static int read_header(struct image_reader *reader, struct cpio_header *ret_header)
{
	char characters[CPIO_HEADER_SIZE];
	int r = find_header(reader);

	if (r <= 0)
		return r;
	r = take(reader, characters, sizeof(characters), "a cpio header");
	if (r < 0)
		return r;
	if (cpio_parse(characters, ret_header) < 0)
		return broken(reader, -EBADMSG, "there is no cpio header where one should be%s%s",
			      reader->path[0] ? ", after " : "", reader->path);
	r = read_name(reader, ret_header->name_size);
	if (r < 0)
		return r;
	reader->in_archive = true;
	reader->left = ret_header->size;
	reader->padding = cpio_padding(ret_header->size);
	reader->has_check = ret_header->has_check && S_ISREG(ret_header->mode);
	reader->check = ret_header->check;
	reader->sum = 0;
	return 1;
}

int image_next(struct image_reader *reader, struct image_entry *ret_entry)
{
	struct cpio_header header;
	int r = reader->result;

	if (r == 0)
		r = skip_rest(reader);
	if (r < 0)
		return r;
	while ((r = read_header(reader, &header)) == 1 && text_equal(reader->name, CPIO_TRAILER)) {
		r = skip_rest(reader);
		if (r < 0)
			return r;
		reader->in_archive = false;
		reader->segment++;
	}
	if (r <= 0)
		return r;
	r = normalise(reader);
	if (r == 0 && S_ISLNK(header.mode))
		r = read_target(reader, header.size);
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
	return 1;
}

ssize_t image_read(struct image_reader *reader, void *buffer, size_t size)
{
	ssize_t count;
	int r;

	if (reader->result < 0)
		return reader->result;
	if (size > reader->left)
		size = (size_t)reader->left;
	if (size == 0)
		return 0;
	count = take_some(reader, buffer, size);
	if (count == 0)
		return broken(reader, -EBADMSG, "it ends in the middle of %s", reader->path);
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
	if (reader->left == 0)
		return 0;
	count = segments_peek(reader->segments, ret_piece);
	if (count < 0)
		return broken(reader, (int)count, "%s", segments_problem(reader->segments));
	if (count == 0)
		return broken(reader, -EBADMSG, "it ends in the middle of %s", reader->path);
	if ((uint64_t)count > reader->left)
		count = (ssize_t)reader->left;
	r = content_read(reader, *ret_piece, (size_t)count);
	segments_advance(reader->segments, (size_t)count);
	return r < 0 ? r : count;
}
