/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c - the content of entries, read and hashed piece by piece (see content.h)
 *
 * In:    a file entry
 * Out:   its bytes; size and SHA-256 into the entry
 * Not:   where it lies (entry.c)
 */
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"
#include "entry.h"
#include "fail.h"
#include "../init/lib/file.h"

#define PIECE ((size_t)1 << 18)
#define LARGE ((uint64_t)4 << 20) /* worth a thread */

struct content_reader {
	const struct output *output;
	EVP_MD_CTX *digest;
	bool is_beside; /* large files are hashed in another thread */
	unsigned char bytes[PIECE];
	unsigned char bytes_beside[PIECE];
};

/* what that thread does */
struct hashing {
	struct content_reader *reader;
	int fd;
	uint64_t size;
	pthread_t thread;
	bool is_running;
	int result; /* not spoken */
};

struct content_reader *content_reader_new(const struct output *output)
{
	struct content_reader *reader = malloc(sizeof(*reader));

	if (!reader)
		return NULL;
	reader->output = output;
	reader->is_beside = false;
	reader->digest = EVP_MD_CTX_new();
	if (!reader->digest) {
		free(reader);
		return NULL;
	}
	return reader;
}

void content_reader_hash_beside(struct content_reader *reader)
{
	reader->is_beside = true;
}

void content_reader_free(struct content_reader *reader)
{
	if (reader)
		EVP_MD_CTX_free(reader->digest);
	free(reader);
}

int content_fail(int error, const struct entry *entry, const char *why)
{
	CLEANUP(text_free) struct text source = TEXT_EMPTY;

	entry_describe_source(entry, &source);
	(void)fail(why ? 0 : error, "cannot pack %s (for '%s')%s%s", text_string(&source),
		   entry->path, why ? ": " : "", why ? why : "");
	return error;
}

bool content_is_unchanged(int fd, const struct stat *before)
{
	struct stat now;

	return fstat(fd, &now) == 0 && now.st_size == before->st_size &&
	       now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

static void *hash(void *context)
{
	struct hashing *hashing = context;
	unsigned char *bytes = hashing->reader->bytes_beside;
	int r = 0;

	for (uint64_t at = 0; r == 0 && at < hashing->size;) {
		size_t part = hashing->size - at < PIECE ? (size_t)(hashing->size - at) : PIECE;

		r = file_read_at(hashing->fd, bytes, part, at);
		if (r == 0 && !EVP_DigestUpdate(hashing->reader->digest, bytes, part))
			r = -ENOMEM;
		at += part;
	}
	hashing->result = r;
	return NULL;
}

static void hash_start(struct hashing *hashing)
{
	if (hashing->reader->is_beside && hashing->size >= LARGE)
		hashing->is_running = pthread_create(&hashing->thread, NULL, hash, hashing) == 0;
}

/* Return: 0, or an error that was spoken */
static int hash_join(struct hashing *hashing, const struct entry *entry)
{
	if (hashing->is_running)
		(void)pthread_join(hashing->thread, NULL);
	/* it was cut while it was read */
	if (hashing->result == -EIO)
		return entry_fail_changed(entry);
	return hashing->result < 0 ? content_fail(hashing->result, entry, NULL) : 0;
}

/* Return: 0, an error that was spoken, or what @piece returned */
static int read_all(struct content_reader *reader, struct entry *entry, int fd, uint64_t size,
		    bool is_hashed, content_piece *piece, void *context)
{
	uint64_t left = size;
	int r = 0;

	while (r == 0 && left) {
		size_t part = left < PIECE ? (size_t)left : PIECE;
		ssize_t count = read(fd, reader->bytes, part);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return content_fail(-errno, entry, NULL);
		if (count == 0)
			return entry_fail_changed(entry);
		if (is_hashed && !EVP_DigestUpdate(reader->digest, reader->bytes, (size_t)count))
			return content_fail(-ENOMEM, entry, NULL);
		if (piece)
			r = piece(context, reader->bytes, (size_t)count);
		left -= (size_t)count;
	}
	return r;
}

int content_read(struct content_reader *reader, struct entry *entry, content_piece *piece,
		 void *context)
{
	CLEANUP(fd_close) int fd = -1;
	struct hashing hashing;
	struct stat status;
	int hashed, r = entry_open_status(entry, &fd, &status);

	if (r < 0)
		return r;
	if (output_replaces(reader->output, &status))
		return content_fail(-EEXIST, entry,
				    "the image would replace it; give another name with -o");
	if (!EVP_DigestInit_ex(reader->digest, EVP_sha256(), NULL))
		return content_fail(-ENOMEM, entry, NULL);
	hashing = (struct hashing){ .reader = reader, .fd = fd, .size = (uint64_t)status.st_size };
	hash_start(&hashing);
	r = read_all(reader, entry, fd, hashing.size, !hashing.is_running, piece, context);
	hashed = hash_join(&hashing, entry);
	if (r < 0 || hashed < 0)
		return r < 0 ? r : hashed;
	if (!content_is_unchanged(fd, &status))
		return entry_fail_changed(entry);
	if (!EVP_DigestFinal_ex(reader->digest, entry->sha256, NULL))
		return content_fail(-ENOMEM, entry, NULL);
	entry->size = (uint64_t)status.st_size;
	entry->is_hashed = true;
	return 0;
}
