/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_reader_cpio.c - records of newc archives: header, name, a symlink's target
 *
 * In:    the stream of an image (segment.c), at the end of an entry's content
 * Out:   the next header, checked: everything in it is untrusted
 * Not:   content (image_reader.c)
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "image_reader_private.h"

ssize_t reader_take_some(struct image_reader *reader, void *bytes, uint64_t size)
{
	const unsigned char *data;
	ssize_t count = segments_peek(reader->segments, &data);

	if (count <= 0)
		return count < 0 ? reader_broken(reader, (int)count, "%s",
						 segments_problem(reader->segments))
				 : 0;
	if ((uint64_t)count > size)
		count = (ssize_t)size;
	if (bytes)
		memcpy(bytes, data, (size_t)count);
	segments_advance(reader->segments, (size_t)count);
	return count;
}

int reader_take(struct image_reader *reader, void *bytes, uint64_t size, const char *what)
{
	char *position = bytes;

	while (size) {
		ssize_t count = reader_take_some(reader, position, size);

		if (count < 0)
			return (int)count;
		if (count == 0)
			return reader_broken(reader, -EBADMSG, "it ends in the middle of %s", what);
		if (position)
			position += count;
		size -= (uint64_t)count;
	}
	return 0;
}

/* to the next header. Return: 1 there is one, 0 the end of the image, or an error */
static int find_header(struct image_reader *reader)
{
	const unsigned char *bytes;
	int r;

	if (reader->in_archive) {
		ssize_t count = segments_peek(reader->segments, &bytes);

		if (count < 0)
			return reader_broken(reader, (int)count, "%s",
					     segments_problem(reader->segments));
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
	return r < 0 ? reader_broken(reader, r, "%s", segments_problem(reader->segments)) : r;
}

int reader_path(struct image_reader *reader)
{
	const char *name = reader->name;
	char *end = reader->path;

	while (*name) {
		size_t length = strcspn(name, "/");

		if (length == 2 && name[0] == '.' && name[1] == '.' && !reader->keeps_parents)
			return reader_broken(reader, -EBADMSG,
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
		return reader_broken(reader, -EBADMSG, "an entry's name has %u bytes", size);
	r = reader_take(reader, name, size, "an entry's name");
	if (r < 0)
		return r;
	/* zeros may follow the name: some writers align the content that way */
	length = strnlen(name, size);
	for (size_t i = length; i < size; i++)
		if (name[i])
			return reader_broken(reader, -EBADMSG,
					     "there is a NUL inside of an entry's name");
	if (length == size || length == 0)
		return reader_broken(reader, -EBADMSG, "an entry's name has no end");
	return reader_take(reader, NULL, cpio_padding(CPIO_HEADER_SIZE + (uint64_t)size),
			   "an entry's name");
}

int reader_target(struct image_reader *reader, uint32_t size)
{
	int r;

	if (size == 0 || size >= sizeof(reader->target))
		return reader_broken(reader, -EBADMSG, "symlink '%s' has a target of %u bytes",
				     reader->path, size);
	r = reader_take(reader, reader->target, size, reader->path);
	if (r < 0)
		return r;
	reader->target[size] = '\0';
	if (strlen(reader->target) != size)
		return reader_broken(reader, -EBADMSG, "there is a NUL inside of symlink '%s'",
				     reader->path);
	reader->left = 0;
	return 0;
}

int reader_header(struct image_reader *reader, struct cpio_header *ret_header)
{
	char characters[CPIO_HEADER_SIZE];
	int r = find_header(reader);

	if (r <= 0)
		return r;
	r = reader_take(reader, characters, sizeof(characters), "a cpio header");
	if (r < 0)
		return r;
	if (cpio_parse(characters, ret_header) < 0)
		return reader_broken(reader, -EBADMSG,
				     "there is no cpio header where one should be%s%s",
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
