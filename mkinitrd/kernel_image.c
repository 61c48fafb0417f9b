/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_image.c - the configuration that a kernel image carries (see kernel_config.h)
 *
 * In:    a kernel image, untrusted: packed (x86 bzImage, EFI zboot, one compressed file) or not
 * Out:   the text of its configuration; the kernel is unpacked in pieces, and memory does not grow
 * Not:   where kernels lie (kernel_config.c)
 * Facts: kernel Documentation/arch/x86/boot.rst (setup_sects, payload_offset, payload_length: since
 *        protocol 2.08); drivers/firmware/efi/libstub/zboot-header.S ("zimg", offset, size);
 *        kernel/configs.c: "IKCFG_ST", a gzip file, "IKCFG_ED"
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "compress.h"
#include "kernel_config.h"

#define IN_SIZE ((size_t)64 << 10)
#define OUT_SIZE ((size_t)256 << 10)
/* unpacked; the largest distribution kernels have 70 MB */
#define KERNEL_MOST ((uint64_t)1 << 30)

/* the marker and the first bytes of the gzip file behind it: the marker alone also stands in the
 * scripts that look for it */
static const unsigned char marker[] = { 'I', 'K', 'C', 'F', 'G', '_', 'S', 'T', 0x1f, 0x8b, 0x08 };
#define MARKER_NAME 8 /* bytes before the gzip file */

/* looks at the unpacked kernel as it goes by */
struct scan {
	unsigned char held[sizeof(marker)]; /* the end of the last piece: the marker may be cut */
	size_t held_count;
	struct expander *expander; /* gzip, once the marker was seen */
	struct text *text;
	size_t start; /* of the configuration in @text */
};

static uint32_t le32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

/* bytes of the gzip file. Return: 1 at its end, 0 more is needed, or -errno */
static int scan_unpack(struct scan *scan, const unsigned char *bytes, size_t count)
{
	unsigned char piece[4096];
	struct expander_window window = { .in = bytes, .in_size = count };
	int r = 0;

	do {
		window.out = piece;
		window.out_size = sizeof(piece);
		r = expander_step(scan->expander, &window);
		if (r < 0)
			return r;
		text_add_bytes(scan->text, piece, sizeof(piece) - window.out_size);
		if (scan->text->failed)
			return -ENOMEM;
		if (scan->text->length - scan->start > KERNEL_CONFIG_MOST)
			return -EFBIG;
	} while (r == 0 && (window.in_size || window.out_size == 0));
	return r;
}

static int scan_begin(struct scan *scan, const unsigned char *bytes, size_t count)
{
	int r = expander_open(COMPRESS_GZIP, &scan->expander);

	if (r < 0)
		return r;
	scan->start = scan->text->length;
	r = scan_unpack(scan, marker + MARKER_NAME, sizeof(marker) - MARKER_NAME);
	return r < 0 ? r : scan_unpack(scan, bytes, count);
}

/* Return: 1 the configuration is complete, 0 go on, or -errno */
static int scan_piece(struct scan *scan, const unsigned char *bytes, size_t count)
{
	const unsigned char *hit;

	if (scan->expander)
		return scan_unpack(scan, bytes, count);
	/* across the border: what is held, with the first bytes of this piece after it */
	if (scan->held_count) {
		unsigned char border[2 * sizeof(marker)];
		size_t take = count < sizeof(marker) - 1 ? count : sizeof(marker) - 1;
		size_t length = scan->held_count + take;

		memcpy(border, scan->held, scan->held_count);
		memcpy(border + scan->held_count, bytes, take);
		hit = memmem(border, length, marker, sizeof(marker));
		if (hit) {
			size_t end = (size_t)(hit - border) + sizeof(marker) - scan->held_count;

			return scan_begin(scan, bytes + end, count - end);
		}
		if (count < sizeof(marker) - 1) {
			size_t keep = length < sizeof(marker) - 1 ? length : sizeof(marker) - 1;

			memcpy(scan->held, border + length - keep, keep);
			scan->held_count = keep;
			return 0;
		}
	}
	hit = memmem(bytes, count, marker, sizeof(marker));
	if (hit)
		return scan_begin(scan, hit + sizeof(marker),
				  count - (size_t)(hit - bytes) - sizeof(marker));
	scan->held_count = count < sizeof(marker) - 1 ? count : sizeof(marker) - 1;
	memcpy(scan->held, bytes + count - scan->held_count, scan->held_count);
	return 0;
}

/* a part of the file, by position */
struct part {
	int fd;
	uint64_t offset, end;
};

/* up to @size bytes. Return: how many, 0 at the end, or -errno */
static ssize_t part_read(struct part *part, void *buffer, size_t size)
{
	ssize_t count;

	if (size > part->end - part->offset)
		size = (size_t)(part->end - part->offset);
	do
		count = pread(part->fd, buffer, size, (off_t)part->offset);
	while (count < 0 && errno == EINTR);
	if (count < 0)
		return -errno;
	part->offset += (uint64_t)count;
	return count;
}

/* the part of the image that is the packed kernel: all of it when no header says otherwise */
static int find_payload(struct part *part)
{
	unsigned char header[0x250] = { 0 };
	ssize_t count = pread(part->fd, header, sizeof(header), 0);
	uint64_t start = 0, size = part->end;

	if (count < 0)
		return -errno;
	if (memcmp(header + 0x202, "HdrS", 4) == 0 &&
	    (header[0x206] | header[0x207] << 8) >= 0x0208) {
		unsigned sectors = header[0x1f1] ? header[0x1f1] : 4;

		start = (uint64_t)(sectors + 1) * 512 + le32(header + 0x248);
		size = le32(header + 0x24c);
	} else if (memcmp(header, "MZ", 2) == 0 && memcmp(header + 4, "zimg", 4) == 0) {
		start = le32(header + 8);
		size = le32(header + 12);
	}
	if (start > part->end || size > part->end - start)
		return -EBADMSG;
	part->offset = start;
	part->end = start + size;
	return 0;
}

/* the packed kernel through @expander, to the end of its first frame. Return: as scan_piece() */
static int scan_packed(struct scan *scan, struct part *part, struct expander *expander,
		       unsigned char *in, unsigned char *out)
{
	struct expander_window window = { .in = in };
	uint64_t total = 0;
	bool is_full = false;

	for (;;) {
		ssize_t count;
		size_t made;
		int r;

		if (window.in_size == 0 && !is_full) {
			count = part_read(part, in, IN_SIZE);
			if (count <= 0)
				return count < 0 ? (int)count : -EBADMSG;
			window.in = in;
			window.in_size = (size_t)count;
		}
		window.out = out;
		window.out_size = OUT_SIZE;
		r = expander_step(expander, &window);
		if (r < 0)
			return r;
		made = OUT_SIZE - window.out_size;
		is_full = window.out_size == 0;
		total += made;
		if (total > KERNEL_MOST)
			return -EFBIG;
		if (made) {
			int found = scan_piece(scan, out, made);

			if (found != 0)
				return found;
		}
		if (r == 1)
			return 0;
	}
}

static int scan_plain(struct scan *scan, struct part *part, unsigned char *in)
{
	ssize_t count;
	int r = 0;

	while (r == 0 && (count = part_read(part, in, IN_SIZE)) != 0)
		r = count < 0 ? (int)count : scan_piece(scan, in, (size_t)count);
	return r;
}

static int scan_image(struct scan *scan, struct part *part)
{
	CLEANUP(memory_free) unsigned char *in = malloc(IN_SIZE);
	CLEANUP(memory_free) unsigned char *out = malloc(OUT_SIZE);
	CLEANUP(expander_cleanup) struct expander *expander = NULL;
	enum compression compression;
	unsigned char magic[MAGIC_MOST];
	const char *name;
	ssize_t count;
	int r;

	if (!in || !out)
		return -ENOMEM;
	count = part_read(part, magic, sizeof(magic));
	if (count < 0)
		return (int)count;
	part->offset -= (uint64_t)count;
	r = compression_detect(magic, (size_t)count, &compression, &name);
	if (r < 0)
		return r;
	if (r == 0)
		return scan_plain(scan, part, in);
	r = expander_open(compression, &expander);
	return r < 0 ? r : scan_packed(scan, part, expander, in, out);
}

int kernel_image_config(int fd, struct text *text)
{
	struct scan scan = { .text = text };
	struct part part = { .fd = fd };
	struct stat status;
	int r;

	if (fstat(fd, &status) < 0)
		return -errno;
	part.end = (uint64_t)status.st_size;
	r = find_payload(&part);
	if (r == 0)
		r = scan_image(&scan, &part);
	if (r == 0) /* the end, and no configuration, or only the beginning of one */
		r = scan.expander ? -EBADMSG : -ENOENT;
	expander_close(scan.expander);
	return r < 0 ? r : 0;
}
