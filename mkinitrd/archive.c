/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.c - a manifest as the bytes of one newc archive
 *
 * In:    a finished manifest
 * Out:   pieces of the archive, in order; size and SHA-256 into the entries
 * Not:   compression and the file (image.c), how a record looks (cpio.c)
 * Facts: the kernel takes for hard links what has nlink of 2 or more, is no directory and has the
 *        same inode number; the last of them has the content (buffer-format.rst); 512 is the block
 * of cpio(1) and a multiple of the 4 that the next archive must start at; a processor loads
 * microcode from addresses that are multiples of 16 (Intel SDM volume 3, "Microcode Update
 * Loader"), and kernels up to 6.5 hand it the bytes where they lie in the image
 */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "archive.h"
#include "content.h"
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
	uint32_t records;
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
	archive->records++;
	header.mtime = (uint32_t)archive->job->options->mtime;
	header.size = (uint32_t)count;
	r = archive_put_header(archive, &header, name);
	if (r == 0)
		r = archive_put(archive, bytes, count);
	return r < 0 ? r : archive_put(archive, NULL, cpio_padding(count));
}

/* ---- entries ---- */

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
			return content_fail(-errno, entry, NULL);
		if (count == 0)
			return entry_fail_changed(entry);
		if (!EVP_DigestUpdate(archive->digest, archive->piece + archive->used,
				      (size_t)count))
			return content_fail(-ENOMEM, entry, NULL);
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
	unsigned char sha256[EVP_MAX_MD_SIZE];
	CLEANUP(fd_close) int fd = -1;
	struct stat status;
	int r;

	r = entry_open_status(entry, &fd, &status);
	if (r < 0)
		return r;
	if (output_replaces(archive->job->output, &status))
		return content_fail(-EEXIST, entry,
				    "the image would replace it; give another name with -o");
	if ((uint64_t)status.st_size > CPIO_FILE_MOST)
		return content_fail(-EFBIG, entry,
				    "a file in an initramfs has at most 4 GiB - 1 bytes");
	archive->records++;
	header.mtime = (uint32_t)archive->job->options->mtime;
	header.size = (uint32_t)status.st_size;
	if (!EVP_DigestInit_ex(archive->digest, EVP_sha256(), NULL))
		return content_fail(-ENOMEM, entry, NULL);
	r = archive_put_header(archive, &header, entry->path);
	if (r == 0)
		r = archive_put_content(archive, entry, fd, (uint64_t)status.st_size);
	if (r < 0)
		return r;
	if (!content_is_unchanged(fd, &status))
		return entry_fail_changed(entry);
	if (!EVP_DigestFinal_ex(archive->digest, sha256, NULL))
		return content_fail(-ENOMEM, entry, NULL);
	/* what is in the SquashFS too is being verified there meanwhile: not to be written to */
	if (entry->is_hashed)
		return memcmp(entry->sha256, sha256, SHA256_SIZE) == 0 ? 0
								       : entry_fail_changed(entry);
	entry->size = (uint64_t)status.st_size;
	memcpy(entry->sha256, sha256, SHA256_SIZE);
	entry->is_hashed = true;
	return 0;
}

/* what the record with the content found out holds for the first of the hard links */
static void note_content(struct entry *entry)
{
	if (!entry->link || entry->link->is_hashed)
		return;
	entry->link->size = entry->size;
	memcpy(entry->link->sha256, entry->sha256, SHA256_SIZE);
	entry->link->is_hashed = true;
}

/* and from there for all others */
static void spread_content(const struct archive *archive)
{
	for (size_t i = 0; i < archive->job->count; i++) {
		struct entry *entry = archive->job->entries[i];

		if (!entry->link || entry->is_hashed)
			continue;
		entry->size = entry->link->size;
		memcpy(entry->sha256, entry->link->sha256, SHA256_SIZE);
		entry->is_hashed = true;
	}
}

static int archive_put_entry(struct archive *archive, struct entry *entry,
			     const struct record_place *place)
{
	struct cpio_header header = {
		.inode = place->inode,
		.mode = entry->mode & 07777,
		.uid = entry->uid,
		.gid = entry->gid,
		.nlink = entry->nlink,
		.special_major = entry->device_major,
		.special_minor = entry->device_minor,
	};
	int r;

	switch (entry->type) {
	case ENTRY_FILE:
		header.mode |= S_IFREG;
		if (!place->has_content)
			return archive_put_record(archive, &header, entry->path, NULL, 0);
		r = archive_put_file(archive, entry, &header);
		if (r == 0)
			note_content(entry);
		return r;
	case ENTRY_CHARACTER:
		header.mode |= S_IFCHR;
		return archive_put_record(archive, &header, entry->path, NULL, 0);
	case ENTRY_BLOCK:
		header.mode |= S_IFBLK;
		return archive_put_record(archive, &header, entry->path, NULL, 0);
	case ENTRY_FIFO:
		header.mode |= S_IFIFO;
		return archive_put_record(archive, &header, entry->path, NULL, 0);
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
	uint32_t last = (uint32_t)archive->job->count;
	const struct cpio_header file = {
		.inode = last + 1,
		.mode = S_IFREG | 0644,
		.nlink = 1,
	};
	const struct cpio_header sentinel = {
		.inode = last + 2,
		.mode = S_IFREG | 0444,
		.nlink = 1,
	};
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
		r = archive_put_entry(&archive, job->entries[i], &job->places[i]);
	spread_content(&archive);
	if (r == 0 && !job->is_early)
		r = archive_put_own(&archive);
	if (r == 0)
		r = archive_put_end(&archive);
	result->files += archive.records;
	result->bytes_in += archive.length;
	relay_end(relay, r);
	return r;
}

uint64_t archive_size_most(const struct archive_job *job)
{
	/* header, name, and what aligns both and the content */
	const uint64_t record = CPIO_HEADER_SIZE + 1 + EARLY_ALIGNMENT + 8;
	uint64_t size = record + sizeof(CPIO_TRAILER) + ARCHIVE_PLAN_GROWTH;

	for (size_t i = 0; i < job->count; i++) {
		const struct entry *entry = job->entries[i];

		size += record + strlen(entry->path) + entry_own_size(entry);
		if (entry->target)
			size += strlen(entry->target);
	}
	return (size + BLOCK - 1) / BLOCK * BLOCK;
}
