/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decompress.c - unpack a whole file (see decompress.h)
 *
 * In:    a descriptor of a file in one of the formats in which kernel modules are installed
 * Out:   its content in memory
 * Not:   archives (image_reader.c); the codecs (expand.c)
 */
#include <errno.h>
#include <string.h>

#include "compress.h"
#include "decompress.h"

#define IN_SIZE ((size_t)64 << 10)
#define OUT_SIZE ((size_t)256 << 10)

static const char *const suffixes[] = { ".xz", ".zst", ".gz" };

const char *compressed_suffix(const char *path)
{
	const char *suffix = strrchr(path, '.');

	for (size_t i = 0; suffix && i < COUNT_OF(suffixes); i++) {
		if (text_equal(suffix, suffixes[i]))
			return suffix;
	}
	return NULL;
}

/* a file on its way through an expander */
struct unpacking {
	int fd;
	struct expander *expander;
	unsigned char *in, *out;
	struct expander_window window;
	bool is_at_end; /* of the file */
	struct text *text;
	size_t left; /* bytes that may still come */
};

static void unpacking_free(struct unpacking *unpacking)
{
	expander_close(unpacking->expander);
	free(unpacking->in);
	free(unpacking->out);
}

/* at least @count bytes before the expander, fewer at the end of the file */
static int fill(struct unpacking *unpacking, size_t count)
{
	struct expander_window *window = &unpacking->window;

	if (window->in_size)
		memmove(unpacking->in, window->in, window->in_size);
	window->in = unpacking->in;
	while (window->in_size < count && !unpacking->is_at_end) {
		ssize_t r = read(unpacking->fd, unpacking->in + window->in_size,
				 IN_SIZE - window->in_size);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0)
			window->in_size += (size_t)r;
		unpacking->is_at_end = r == 0;
	}
	return 0;
}

/* one frame of the stream */
static int unpack_frame(struct unpacking *unpacking)
{
	struct expander_window *window = &unpacking->window;
	int r;

	do {
		size_t made;

		r = window->in_size ? 0 : fill(unpacking, 1);
		if (r < 0)
			return r;
		window->out = unpacking->out;
		window->out_size = OUT_SIZE;
		r = expander_step(unpacking->expander, window);
		if (r < 0)
			return r;
		made = OUT_SIZE - window->out_size;
		if (made > unpacking->left)
			return -EFBIG;
		unpacking->left -= made;
		text_add_bytes(unpacking->text, unpacking->out, made);
		if (unpacking->text->failed)
			return -ENOMEM;
		if (r == 0 && made == 0 && window->in_size == 0 && unpacking->is_at_end)
			return expander_may_end(unpacking->expander) ? 0 : -EBADMSG;
	} while (r == 0);
	return 0;
}

int decompress_fd(int fd, size_t limit, struct text *text)
{
	CLEANUP(unpacking_free)
	struct unpacking unpacking = {
		.fd = fd,
		.in = malloc(IN_SIZE),
		.out = malloc(OUT_SIZE),
		.text = text,
		.left = limit,
	};
	struct expander_window *window = &unpacking.window;
	enum compression compression, next;
	const char *name;
	int r = unpacking.in && unpacking.out ? fill(&unpacking, MAGIC_MOST) : -ENOMEM;

	if (r < 0)
		return r;
	if (compression_detect(window->in, window->in_size, &compression, &name) != 1)
		return -EBADMSG;
	r = expander_open(compression, &unpacking.expander);
	while (r == 0) {
		r = unpack_frame(&unpacking);
		if (r == 0)
			r = fill(&unpacking, MAGIC_MOST);
		/* what stands behind the last frame is not ours, as kmod has it */
		if (r < 0 || compression_detect(window->in, window->in_size, &next, &name) != 1 ||
		    next != compression)
			break;
	}
	return r;
}
