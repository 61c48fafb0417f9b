/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extract_content.c - content and attributes of one extracted file
 *
 * In:    the entry that the reader is at; a descriptor of the file that stands for it
 * Out:   the file's bytes, with holes for long runs of zeros; owner, mode, times, extended
 *        attributes
 * Not:   names (extract.c)
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "extract_folder.h"

#define BLOCK ((size_t)4096)
#define SPARE ((uint64_t)1 << 20) /* stays free on the disk */

static volatile sig_atomic_t is_interrupted;

void extract_interrupt(void)
{
	is_interrupted = 1;
}

bool extract_is_interrupted(void)
{
	return is_interrupted;
}

/* set-id bits only go with the owner that they are about */
static mode_t mode_of(const struct extraction *extraction, mode_t mode)
{
	return mode & (extraction->is_root ? 07777 : 01777);
}

int extract_attributes(const struct extraction *extraction, int fd, mode_t mode, uint32_t uid,
		       uint32_t gid, int64_t mtime)
{
	struct timespec times[2] = { { .tv_sec = mtime }, { .tv_sec = mtime } };

	/* the owner first: changing it takes set-id bits away */
	if ((extraction->is_root && fchown(fd, uid, gid) < 0) ||
	    fchmod(fd, mode_of(extraction, mode)) < 0 || futimens(fd, times) < 0)
		return -errno;
	return 0;
}

int extract_xattrs(const struct extraction *extraction, int fd)
{
	struct xattrs xattrs;
	int r = image_xattrs(extraction->reader, &xattrs);

	for (size_t i = 0; r == 0 && i < xattrs.count; i++)
		if (fsetxattr(fd, xattrs.items[i].name, xattrs.items[i].value, xattrs.items[i].size,
			      0) < 0 &&
		    errno != EPERM && errno != ENOTSUP)
			r = -errno;
	xattrs_free(&xattrs);
	return r;
}

static bool is_zero(const unsigned char *bytes, size_t count)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0;
}

static int write_at(int fd, const unsigned char *bytes, size_t count, uint64_t offset)
{
	while (count) {
		ssize_t r = pwrite(fd, bytes, count, (off_t)offset);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		bytes += r;
		offset += (uint64_t)r;
		count -= (size_t)r;
	}
	return 0;
}

/* the same, but for blocks of zeros */
static int write_sparse(int fd, const unsigned char *bytes, size_t count, uint64_t offset)
{
	size_t start = 0, at = 0;
	int r = 0;

	while (r == 0 && at < count) {
		size_t length = BLOCK - (size_t)((offset + at) % BLOCK);
		bool is_hole;

		if (length > count - at)
			length = count - at;
		is_hole = length == BLOCK && is_zero(bytes + at, length);
		if (is_hole && start < at)
			r = write_at(fd, bytes + start, at - start, offset + start);
		at += length;
		if (is_hole)
			start = at;
	}
	return r == 0 && start < at ? write_at(fd, bytes + start, at - start, offset + start) : r;
}

int extract_space(const struct extraction *extraction, uint64_t size)
{
	struct statvfs space;
	uint64_t free_bytes;

	if (size == 0)
		return 0;
	if (fstatvfs(extraction->beneath.top_fd, &space) < 0)
		return -errno;
	free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
	return size + SPARE > free_bytes ? -ENOSPC : 0;
}

int extract_content(struct extraction *extraction, int fd, const char *path, uint64_t size)
{
	const unsigned char *piece;
	uint64_t offset = 0;
	ssize_t count;
	int r = extract_space(extraction, size);

	while (r == 0 && (count = image_read_piece(extraction->reader, &piece)) != 0) {
		if (count < 0)
			return (int)count;
		r = is_interrupted ? -EINTR : write_sparse(fd, piece, (size_t)count, offset);
		offset += (uint64_t)count;
	}
	if (r == 0 && ftruncate(fd, (off_t)offset) < 0)
		r = -errno;
	extraction->bytes += offset;
	return r < 0 ? extract_speak(path, r) : 0;
}
