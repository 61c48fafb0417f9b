/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_make.c - the SquashFS of an image, made or taken over (see squashfs_make.h)
 *
 * In:    what goes into it; the image that stands where the new one will
 * Out:   the SquashFS, its SHA-256, its hash tree
 * Not:   writing one (squashfs_write.c), the tree (verity.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compress.h"
#include "content.h"
#include "fail.h"
#include "image.h"
#include "progress.h"
#include "squashfs_make.h"
#include "../init/lib/file.h"

#define PIECE ((size_t)1 << 20)

static void digest_cleanup(EVP_MD_CTX **digest)
{
	EVP_MD_CTX_free(*digest);
}

static void form_format(const struct squashfs_form *form, char *string, size_t size)
{
	(void)snprintf(string, size, "%s:%d %u", compression_name(form->compression), form->level,
		       form->block_size);
}

/* ---- taking over ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? text_equal(a, b) : a == b;
}

/* all but the content */
static bool same_attributes(const struct entry *entry, const struct entry *old)
{
	return old && old->type == entry->type && old->mode == entry->mode &&
	       old->uid == entry->uid && old->gid == entry->gid && old->nlink == entry->nlink &&
	       old->device_major == entry->device_major &&
	       old->device_minor == entry->device_minor && same_text(old->target, entry->target) &&
	       xattrs_equal(&old->xattrs, &entry->xattrs) &&
	       same_text(old->link ? old->link->path : NULL,
			 entry->link ? entry->link->path : NULL) &&
	       (entry->type != ENTRY_FILE || old->is_hashed);
}

/* Return: 1 all of it is as it was, 0 it is not, or -errno (spoken) */
static int same_content(const struct squashfs_job *job, const struct manifest *old)
{
	CLEANUP(content_reader_cleanup)
	struct content_reader *reader = content_reader_new(job->output);

	if (!reader)
		return fail(-ENOMEM, "cannot read the sources");
	for (size_t i = 0; i < job->count; i++) {
		struct entry *entry = job->entries[i];
		const struct entry *other = manifest_find(old, entry->path);
		int r;

		if (entry->type != ENTRY_FILE)
			continue;
		progress_step(0, 0, entry->path);
		r = content_read(reader, entry, NULL, NULL);
		if (r < 0)
			return r;
		if (other->size != entry->size ||
		    memcmp(other->sha256, entry->sha256, SHA256_SIZE) != 0)
			return 0;
	}
	return 1;
}

static bool same_form(const struct squashfs_job *job, const struct manifest *old)
{
	const struct manifest_squashfs *record = manifest_squashfs(old);
	char form[sizeof(record->form)];

	form_format(job->form, form, sizeof(form));
	if (!record || !text_equal(record->form, form) || record->time != job->mtime ||
	    record->entries != job->count || record->size == 0)
		return false;
	for (size_t i = 0; i < job->count; i++)
		if (!same_attributes(job->entries[i], manifest_find(old, job->entries[i]->path)))
			return false;
	return true;
}

/* the next piece of an old SquashFS: of a file, or of the image that carries it */
struct old_bytes {
	int fd; /* -1: the image's reader */
	struct image_reader *reader;
	unsigned char *buffer;
};

static void old_close(struct old_bytes *old)
{
	fd_close(&old->fd);
	image_close(old->reader);
	free(old->buffer);
}

/* Return: 1, 0 it is not there, or -ENOMEM */
static int old_open(struct old_bytes *old, const char *image, const char *beside)
{
	struct image_entry entry;

	old->fd = -1;
	if (beside) {
		old->buffer = malloc(PIECE);
		old->fd = open(beside, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		return !old->buffer ? -ENOMEM : old->fd >= 0;
	}
	if (image_open(image, &old->reader) < 0)
		return 0;
	image_hush(old->reader);
	while (image_next(old->reader, &entry) == 1)
		if (text_equal(entry.path, SQUASHFS_NAME))
			return 1;
	return 0;
}

static ssize_t old_piece(struct old_bytes *old, const unsigned char **ret_piece)
{
	ssize_t count;

	if (old->fd < 0)
		return image_read_piece(old->reader, ret_piece);
	*ret_piece = old->buffer;
	do
		count = read(old->fd, old->buffer, PIECE);
	while (count < 0 && errno == EINTR);
	return count;
}

/* Return: 1 the bytes are those that the record says, 0 they are not, or -errno (not spoken) */
static int copy_old(const struct squashfs_job *job, const struct manifest_squashfs *record,
		    struct old_bytes *old)
{
	CLEANUP(digest_cleanup) EVP_MD_CTX *digest = EVP_MD_CTX_new();
	unsigned char sha256[EVP_MAX_MD_SIZE];
	const unsigned char *piece;
	uint64_t done = 0;
	ssize_t count;
	int r = 0;

	if (job->most && record->size > job->most)
		return -EOVERFLOW;
	if (!digest || !EVP_DigestInit_ex(digest, EVP_sha256(), NULL))
		return -ENOMEM;
	while (r == 0 && done < record->size && (count = old_piece(old, &piece)) > 0) {
		/* a hash tree stands behind it */
		if ((uint64_t)count > record->size - done)
			count = (ssize_t)(record->size - done);
		if (!EVP_DigestUpdate(digest, piece, (size_t)count))
			return -ENOMEM;
		r = file_write_at(job->fd, piece, (size_t)count, job->offset + done);
		done += (uint64_t)count;
	}
	if (r < 0)
		return r;
	if (!EVP_DigestFinal_ex(digest, sha256, NULL))
		return -ENOMEM;
	return done == record->size && memcmp(sha256, record->sha256, SHA256_SIZE) == 0;
}

/* Return: 1 it was taken over, 0 it has to be made, or a negative errno (spoken, but -EOVERFLOW) */
static int take_over(const struct squashfs_job *job, const char *image, const char *beside,
		     struct manifest_squashfs *ret_record)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
	CLEANUP(old_close) struct old_bytes old = { .fd = -1 };
	struct stat status;
	int r;

	if (stat(image, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
		return 0;
	r = image_peek_manifest(image, &manifest);
	if (r < 0 || !manifest)
		return r == -ENOMEM ? r : 0;
	if (!same_form(job, manifest))
		return 0;
	if (manifest_squashfs(manifest)->is_beside && !beside)
		return 0;
	progress_phase("comparing with the image before");
	r = same_content(job, manifest);
	if (r <= 0)
		return r;
	r = old_open(&old, image, manifest_squashfs(manifest)->is_beside ? beside : NULL);
	if (r == 1)
		r = copy_old(job, manifest_squashfs(manifest), &old);
	if (r < 0 && r != -EOVERFLOW)
		return fail(r, "cannot take the SquashFS of '%s' over", image);
	if (r == 1)
		*ret_record = *manifest_squashfs(manifest);
	else if (r == 0)
		note("the SquashFS of '%s' is not the one of its manifest; it is made again",
		     image);
	return r;
}

/* ---- making ---- */

/* SHA-256 of @size bytes. Return: 0 or -errno, not spoken */
static int hash_bytes(const struct squashfs_job *job, uint64_t size, unsigned char *sha256)
{
	CLEANUP(digest_cleanup) EVP_MD_CTX *digest = EVP_MD_CTX_new();
	CLEANUP(memory_free) unsigned char *piece = malloc(PIECE);
	unsigned char hash[EVP_MAX_MD_SIZE];
	int r = digest && piece && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) ? 0 : -ENOMEM;

	for (uint64_t done = 0; r == 0 && done < size;) {
		size_t count = size - done < PIECE ? (size_t)(size - done) : PIECE;

		r = file_read_at(job->fd, piece, count, job->offset + done);
		if (r == 0 && !EVP_DigestUpdate(digest, piece, count))
			r = -ENOMEM;
		done += count;
	}
	if (r == 0 && !EVP_DigestFinal_ex(digest, hash, NULL))
		r = -ENOMEM;
	if (r == 0)
		memcpy(sha256, hash, SHA256_SIZE);
	return r;
}

int squashfs_make(const struct squashfs_job *job, const char *old_image, const char *old_squashfs,
		  struct squashfs_made *ret_made)
{
	struct squashfs_made made = { 0 };
	struct manifest_squashfs *record = &made.record;
	int r = old_image ? take_over(job, old_image, old_squashfs, record) : 0;

	made.is_reused = r == 1;
	if (r == 0) {
		progress_phase("compressing the SquashFS");
		r = squashfs_write(job, &record->size);
	}
	if (r < 0)
		return r;
	form_format(job->form, record->form, sizeof(record->form));
	record->time = job->mtime;
	record->entries = job->count;
	record->has_root_hash = false;
	made.size = record->size;
	*ret_made = made;
	return 0;
}

int squashfs_finish(const struct squashfs_job *job, bool with_verity, struct squashfs_made *made)
{
	struct manifest_squashfs *record = &made->record;
	unsigned char sha256[SHA256_SIZE];
	int r = hash_bytes(job, record->size, sha256);

	if (r == 0 && made->is_reused && memcmp(record->sha256, sha256, SHA256_SIZE) != 0)
		r = -EIO;
	if (r == 0)
		memcpy(record->sha256, sha256, SHA256_SIZE);
	if (r == 0 && with_verity) {
		/* the content decides the salt */
		r = verity_write(job->fd, job->offset, record->size, record->sha256, &made->verity);
		made->size += made->verity.size;
		memcpy(record->root_hash, made->verity.root_hash, SHA256_SIZE);
		record->has_root_hash = true;
	}
	if (r < 0)
		return fail(r, "cannot write the SquashFS of '%s'", job->label);
	return job->most && made->size > job->most ? -EOVERFLOW : 0;
}
