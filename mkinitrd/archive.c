/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.c - a manifest as the bytes of one newc archive
 *
 * In:    a finished manifest
 * Out:   pieces of the archive, in order; size and SHA-256 into the entries
 * Not:   compression and the file (image.c), how a record looks (cpio.c)
 * Facts: the kernel takes hard links for what has nlink of 2 or more and is no directory, so files
 *        have 1 (buffer-format.rst); 512 is the block of cpio(1) and a multiple of the 4 that the
 *        next archive must start at; a processor loads microcode from addresses that are multiples
 *        of 16 (Intel SDM volume 3, "Microcode Update Loader"), and kernels up to 6.5 hand it the
 *        bytes where they lie in the image
 */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "archive.h"
#include "cpio.h"
#include "entry.h"
#include "fail.h"
#include "image_order.h"
#include "progress.h"

#define BLOCK 512

struct archive {
	const struct archive_job *job;
	struct image_result *result;
	struct relay *relay;
	unsigned char *piece; /* being filled; NULL: none yet */
	size_t used;
	uint64_t length;
	uint32_t inode; /* of the last record */
	EVP_MD_CTX *digest;
};

/* ---- bytes into pieces ---- */

/* a piece with room for at least one byte */
static int archive_room(struct archive *archive)
{
	if (archive->piece && archive->used == RELAY_PIECE) {
		relay_filled(archive->relay, archive->used);
		archive->piece = NULL;
	}
	if (!archive->piece) {
		archive->piece = relay_empty(archive->relay);
		archive->used = 0;
	}
	return archive->piece ? 0 : -ECANCELED;
}

/* @count bytes, or zeros when @bytes is NULL */
static int archive_put(struct archive *archive, const void *bytes, size_t count)
{
	const unsigned char *position = bytes;

	archive->length += count;
	while (count) {
		int r = archive_room(archive);
		size_t part = RELAY_PIECE - archive->used;

		if (r < 0)
			return r;
		if (part > count)
			part = count;
		if (position) {
			memcpy(archive->piece + archive->used, position, part);
			position += part;
		} else {
			memset(archive->piece + archive->used, 0, part);
		}
		archive->used += part;
		count -= part;
	}
	return 0;
}

/* header and name of the next record */
static int archive_put_header(struct archive *archive, const struct cpio_header *content,
			      const char *name)
{
	struct cpio_header header = *content;
	char characters[CPIO_HEADER_SIZE];
	size_t length = strlen(name) + 1, name_size = length;
	int r;

	/* zeros that belong to the name move the content to where it must be */
	while (archive->job->is_early && header.size &&
	       (archive->length + sizeof(characters) + name_size) % EARLY_ALIGNMENT)
		name_size++;
	header.name_size = (uint32_t)name_size;
	cpio_format(&header, characters);
	r = archive_put(archive, characters, sizeof(characters));
	if (r == 0)
		r = archive_put(archive, name, length);
	if (r == 0)
		r = archive_put(archive, NULL, name_size - length);
	return r < 0 ? r : archive_put(archive, NULL, cpio_padding(sizeof(characters) + name_size));
}

/* a whole record whose content is in memory */
static int archive_put_record(struct archive *archive, const struct cpio_header *attributes,
			      const char *name, const void *bytes, size_t count)
{
	struct cpio_header header = *attributes;
	int r;

	if (count > CPIO_FILE_MOST)
		return fail(-EFBIG, "'%s'", name);
	header.inode = ++archive->inode;
	header.mtime = (uint32_t)archive->job->options->mtime;
	header.size = (uint32_t)count;
	r = archive_put_header(archive, &header, name);
	if (r == 0)
		r = archive_put(archive, bytes, count);
	return r < 0 ? r : archive_put(archive, NULL, cpio_padding(count));
}

/* ---- entries ---- */

static int fail_source(int error, const char *why, const struct entry *entry)
{
	CLEANUP(text_free) struct text source = TEXT_EMPTY;

	entry_describe_source(entry, &source);
	(void)fail(why ? 0 : error, "cannot pack %s (for '%s')%s%s", text_string(&source),
		   entry->path, why ? ": " : "", why ? why : "");
	return error;
}

static bool is_unchanged(int fd, const struct stat *before)
{
	struct stat now;

	return fstat(fd, &now) == 0 && now.st_size == before->st_size &&
	       now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

/* @size bytes of @fd, read right into the pieces and hashed there */
static int archive_put_content(struct archive *archive, const struct entry *entry, int fd,
			       uint64_t size)
{
	uint64_t left = size;

	archive->length += size;
	while (left) {
		int r = archive_room(archive);
		size_t part = RELAY_PIECE - archive->used;
		ssize_t count;

		if (r < 0)
			return r;
		if (part > left)
			part = (size_t)left;
		count = read(fd, archive->piece + archive->used, part);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return fail_source(-errno, NULL, entry);
		if (count == 0)
			return entry_fail_changed(entry);
		if (!EVP_DigestUpdate(archive->digest, archive->piece + archive->used,
				      (size_t)count))
			return fail_source(-ENOMEM, NULL, entry);
		archive->used += (size_t)count;
		left -= (size_t)count;
		archive->result->content += (uint64_t)count;
		progress_step(archive->result->content, archive->job->content_most, entry->path);
	}
	return archive_put(archive, NULL, cpio_padding(size));
}

static int archive_put_file(struct archive *archive, struct entry *entry,
			    const struct cpio_header *attributes)
{
	struct cpio_header header = *attributes;
	CLEANUP(fd_close) int fd = -1;
	struct stat status;
	int r;

	r = entry_open_status(entry, &fd, &status);
	if (r < 0)
		return r;
	if (output_replaces(archive->job->output, &status))
		return fail_source(-EEXIST, "the image would replace it; give another name with -o",
				   entry);
	if ((uint64_t)status.st_size > CPIO_FILE_MOST)
		return fail_source(-EFBIG, "a file in an initramfs has at most 4 GiB - 1 bytes",
				   entry);
	header.inode = ++archive->inode;
	header.mtime = (uint32_t)archive->job->options->mtime;
	header.size = (uint32_t)status.st_size;
	if (!EVP_DigestInit_ex(archive->digest, EVP_sha256(), NULL))
		return fail_source(-ENOMEM, NULL, entry);
	r = archive_put_header(archive, &header, entry->path);
	if (r == 0)
		r = archive_put_content(archive, entry, fd, (uint64_t)status.st_size);
	if (r < 0)
		return r;
	if (!is_unchanged(fd, &status))
		return entry_fail_changed(entry);
	if (!EVP_DigestFinal_ex(archive->digest, entry->sha256, NULL))
		return fail_source(-ENOMEM, NULL, entry);
	entry->size = (uint64_t)status.st_size;
	entry->is_hashed = true;
	return 0;
}

static int archive_put_entry(struct archive *archive, struct entry *entry)
{
	struct cpio_header header = {
		.mode = entry->mode & 07777,
		.uid = entry->uid,
		.gid = entry->gid,
		.nlink = 1,
	};

	switch (entry->type) {
	case ENTRY_FILE:
		header.mode |= S_IFREG;
		return archive_put_file(archive, entry, &header);
	case ENTRY_DIRECTORY:
		header.mode |= S_IFDIR;
		header.nlink = 2;
		return archive_put_record(archive, &header, entry->path, NULL, 0);
	case ENTRY_SYMLINK:
		header.mode = S_IFLNK | 0777; /* as lstat(2) shows every symlink */
		return archive_put_record(archive, &header, entry->path, entry->target,
					  strlen(entry->target));
	}
	return -EINVAL;
}

/* the two entries that the writer adds */
static int archive_put_own(struct archive *archive)
{
	const struct image_options *options = archive->job->options;
	const struct cpio_header file = { .mode = S_IFREG | 0644, .nlink = 1 };
	const struct cpio_header sentinel = { .mode = S_IFREG | 0444, .nlink = 1 };
	CLEANUP(text_free) struct text json = TEXT_EMPTY;
	int r;

	r = manifest_to_json(archive->job->manifest, options->release, options->profile, &json);
	if (r < 0)
		return fail(r, "cannot write '%s'", MANIFEST_PATH);
	r = archive_put_record(archive, &file, MANIFEST_PATH, text_string(&json), json.length);
	return r < 0 ? r : archive_put_record(archive, &sentinel, COMPLETE_PATH, NULL, 0);
}

/* the trailer, zeros to a full block */
static int archive_put_end(struct archive *archive)
{
	const struct cpio_header trailer = { .nlink = 1 };
	int r = archive_put_header(archive, &trailer, CPIO_TRAILER);

	if (r == 0)
		r = archive_put(archive, NULL, (size_t)(-archive->length % BLOCK));
	if (r == 0 && archive->piece)
		relay_filled(archive->relay, archive->used);
	return r;
}

static void digest_cleanup(EVP_MD_CTX **digest)
{
	EVP_MD_CTX_free(*digest);
}

int archive_make(const struct archive_job *job, struct relay *relay, struct image_result *result)
{
	CLEANUP(digest_cleanup) EVP_MD_CTX *digest = EVP_MD_CTX_new();
	struct archive archive = { .job = job, .result = result, .relay = relay, .digest = digest };
	int r = digest ? 0 : fail(-ENOMEM, "cannot write an image");

	for (size_t i = 0; r == 0 && i < job->count; i++)
		r = archive_put_entry(&archive, job->entries[i]);
	if (r == 0 && !job->is_early)
		r = archive_put_own(&archive);
	if (r == 0)
		r = archive_put_end(&archive);
	result->files += archive.inode;
	result->bytes_in += archive.length;
	relay_end(relay, r);
	return r;
}
