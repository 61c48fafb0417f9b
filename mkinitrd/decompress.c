/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decompress.c - unpack a whole file (see decompress.h)
 *
 * In:    a descriptor of a file in one of the formats in which kernel modules are installed
 * Out:   its content in memory
 * Not:   archives (image_read.c)
 * Facts: libarchive's "raw" format hands out what its filters unpack: archive_read_format(3). Its
 *        gzip filter does not verify the CRC (libarchive 3.6, archive_read_support_filter_gzip.c,
 *        consume_trailer()), so that is done here; RFC 1952 section 2.3.1 has the trailer
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <archive.h>
#include <archive_entry.h>
#include <zlib.h>

#include "decompress.h"

static const struct {
	const char *suffix;
	int (*support)(struct archive *archive);
} formats[] = {
	{ ".xz", archive_read_support_filter_xz },
	{ ".zst", archive_read_support_filter_zstd },
	{ ".gz", archive_read_support_filter_gzip },
};

static void archive_release(struct archive **archive)
{
	if (*archive)
		(void)archive_read_free(*archive);
	*archive = NULL;
}

const char *compressed_suffix(const char *path)
{
	const char *suffix = strrchr(path, '.');

	for (size_t i = 0; suffix && i < COUNT_OF(formats); i++) {
		if (text_equal(suffix, formats[i].suffix))
			return suffix;
	}
	return NULL;
}

/* libarchive gives an errno where the system has said one, and its own codes for bad content */
static int archive_result(struct archive *archive)
{
	int error = archive_errno(archive);

	return error == ENOMEM || error == EIO || error == EACCES || error == EISDIR ? -error
										     : -EBADMSG;
}

static uint32_t number_little_endian(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

/* the last eight bytes of a gzip file: CRC-32 and length of the content */
static int gzip_verify(int fd, const char *content, size_t length)
{
	unsigned char trailer[8];
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size < (off_t)sizeof(trailer) ||
	    pread(fd, trailer, sizeof(trailer), status.st_size - (off_t)sizeof(trailer)) !=
		    (ssize_t)sizeof(trailer))
		return -EBADMSG;
	if (number_little_endian(trailer + 4) != (uint32_t)length)
		return -EBADMSG;
	return crc32_z(0, (const unsigned char *)content, length) == number_little_endian(trailer)
		       ? 0
		       : -EBADMSG;
}

int decompress_fd(int fd, size_t limit, struct text *text)
{
	CLEANUP(archive_release) struct archive *archive = archive_read_new();
	struct archive_entry *entry;
	size_t start = text->length;
	int r;

	if (!archive)
		return -ENOMEM;
	for (size_t i = 0; i < COUNT_OF(formats); i++) {
		/* ARCHIVE_WARN: libarchive would run a program for the format; refuse that */
		if (formats[i].support(archive) != ARCHIVE_OK)
			return -EOPNOTSUPP;
	}
	if (archive_read_support_format_raw(archive) != ARCHIVE_OK ||
	    archive_read_support_format_empty(archive) != ARCHIVE_OK ||
	    archive_read_open_fd(archive, fd, 128 << 10) != ARCHIVE_OK)
		return archive_result(archive);
	if (archive_filter_code(archive, 0) == ARCHIVE_FILTER_NONE)
		return -EBADMSG;
	r = archive_read_next_header(archive, &entry);
	if (r == ARCHIVE_EOF)
		return 0; /* nothing is in it */
	if (r != ARCHIVE_OK)
		return archive_result(archive);

	for (;;) {
		const void *block;
		size_t size;
		la_int64_t offset;

		r = archive_read_data_block(archive, &block, &size, &offset);
		if (r == ARCHIVE_EOF)
			break;
		if (r != ARCHIVE_OK)
			return archive_result(archive);
		if (size > limit - (text->length - start))
			return -EFBIG;
		text_add_bytes(text, block, size);
		if (text->failed)
			return -ENOMEM;
	}
	return archive_filter_code(archive, 0) == ARCHIVE_FILTER_GZIP
		       ? gzip_verify(fd, text_string(text) + start, text->length - start)
		       : 0;
}
