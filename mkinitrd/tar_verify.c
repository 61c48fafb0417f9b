/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar_verify.c - a tar read back and held against the entries that it was made of (see tar_write.h)
 *
 * In:    a range of a file, entries
 * Out:   nothing, or the first difference; the SHA-256 of the range
 */
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "fail.h"
#include "progress.h"
#include "tar_write.h"
#include "../init/lib/file.h"

#define PIECE ((size_t)256 << 10)

struct verification {
	const struct tar_job *job;
	struct tar_range *range;
	uint64_t position; /* in the range */
	EVP_MD_CTX *content;
	unsigned char *bytes; /* PIECE */
};

static void verification_free(struct verification *verification)
{
	EVP_MD_CTX_free(verification->content);
	free(verification->bytes);
}

static void archive_release(struct archive **archive)
{
	if (*archive)
		(void)archive_read_free(*archive);
	*archive = NULL;
}

static int differs(const struct verification *verification, const char *path, const char *what)
{
	(void)fail(0, "%s does not read back as it was written: '%s' differs in %s",
		   verification->job->label, path, what);
	return -EBADMSG;
}

/* the next piece of the range. Return: how much, or -errno */
static ssize_t next_piece(struct verification *verification)
{
	struct tar_range *range = verification->range;
	uint64_t left = range->size - verification->position;
	size_t part = left < PIECE ? (size_t)left : PIECE;
	int r = part ? file_read_at(range->fd, verification->bytes, part,
				    range->offset + verification->position)
		     : 0;

	verification->position += part;
	return r < 0 ? r : (ssize_t)part;
}

static la_ssize_t read_range(struct archive *archive, void *context, const void **ret_bytes)
{
	struct verification *verification = context;
	ssize_t count = next_piece(verification);

	*ret_bytes = verification->bytes;
	if (count < 0)
		archive_set_error(archive, (int)-count, "%s", strerror((int)-count));
	return count < 0 ? -1 : count;
}

static struct archive *open_range(struct verification *verification)
{
	struct archive *archive = archive_read_new();

	if (!archive)
		return NULL;
	(void)archive_read_support_format_tar(archive);
	(void)archive_read_support_filter_gzip(archive);
	(void)archive_read_support_filter_lz4(archive);
	(void)archive_read_support_filter_xz(archive);
	(void)archive_read_support_filter_zstd(archive);
	(void)archive_read_open(archive, verification, NULL, read_range, NULL);
	return archive;
}

static bool xattrs_are(struct archive_entry *found, const struct entry *entry)
{
	const struct xattrs *xattrs = &entry->xattrs;
	const char *name;
	const void *value;
	size_t size, count = 0;

	(void)archive_entry_xattr_reset(found);
	while (archive_entry_xattr_next(found, &name, &value, &size) == ARCHIVE_OK) {
		const struct xattr *xattr = xattrs_find(xattrs, name);

		if (!xattr || xattr->size != size || memcmp(xattr->value, value, size) != 0)
			return false;
		count++;
	}
	return count == xattrs->count;
}

static bool text_is(const char *found, const char *expected)
{
	return found && expected ? text_equal(found, expected) : !found == !expected;
}

/* names as they stand; libarchive has those of pax headers in UTF-8 alone */
static const char *either(const char *bytes, const char *utf8)
{
	return bytes ? bytes : utf8;
}

static const char *attribute_difference(struct archive_entry *found, const struct entry *entry)
{
	static const mode_t types[] = {
		[ENTRY_FILE] = AE_IFREG,    [ENTRY_DIRECTORY] = AE_IFDIR,
		[ENTRY_SYMLINK] = AE_IFLNK, [ENTRY_CHARACTER] = AE_IFCHR,
		[ENTRY_BLOCK] = AE_IFBLK,   [ENTRY_FIFO] = AE_IFIFO,
	};
	bool is_device = entry->type == ENTRY_CHARACTER || entry->type == ENTRY_BLOCK;
	mode_t mode = entry->type == ENTRY_SYMLINK ? 0777 : entry->mode & 07777;

	if (!entry->link && archive_entry_filetype(found) != types[entry->type])
		return "type";
	if (archive_entry_perm(found) != mode)
		return "mode";
	if (archive_entry_uid(found) != entry->uid || archive_entry_gid(found) != entry->gid)
		return "owner";
	if (!text_is(either(archive_entry_symlink(found), archive_entry_symlink_utf8(found)),
		     entry->type == ENTRY_SYMLINK ? entry->target : NULL))
		return "target";
	if (!text_is(either(archive_entry_hardlink(found), archive_entry_hardlink_utf8(found)),
		     entry->link ? entry->link->path : NULL))
		return "what it is a hard link of";
	if (is_device && (archive_entry_rdevmajor(found) != entry->device_major ||
			  archive_entry_rdevminor(found) != entry->device_minor))
		return "device";
	return entry->link || xattrs_are(found, entry) ? NULL : "extended attributes";
}

static int check_content(struct verification *verification, struct archive *archive,
			 const struct entry *entry)
{
	unsigned char sha256[EVP_MAX_MD_SIZE];
	const void *bytes;
	size_t count;
	la_int64_t offset;
	uint64_t size = 0;
	int status;

	if (!EVP_DigestInit_ex(verification->content, EVP_sha256(), NULL))
		return fail(-ENOMEM, "cannot read %s", verification->job->label);
	while ((status = archive_read_data_block(archive, &bytes, &count, &offset)) == ARCHIVE_OK) {
		if ((uint64_t)offset != size ||
		    !EVP_DigestUpdate(verification->content, bytes, count))
			return differs(verification, entry->path, "content");
		size += count;
		*verification->job->done += count;
		progress_step(*verification->job->done, verification->job->total, entry->path);
	}
	if (status != ARCHIVE_EOF || size != entry->size ||
	    !EVP_DigestFinal_ex(verification->content, sha256, NULL) ||
	    memcmp(sha256, entry->sha256, SHA256_SIZE) != 0)
		return differs(verification, entry->path, "content");
	return 0;
}

/* the member that must come next. @entry: NULL: the file that is the end */
static int check_member(struct verification *verification, struct archive *archive,
			const struct entry *entry)
{
	const char *path = entry ? entry->path : COMPLETE_PATH, *name, *difference = NULL;
	CLEANUP(memory_free) char *found_path = NULL;
	struct archive_entry *found;
	size_t length;
	int status = archive_read_next_header(archive, &found);

	/* a warning: a name that cannot be said in this locale; it is there in UTF-8 */
	if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
		return differs(verification, path, "not being there");
	name = either(archive_entry_pathname(found), archive_entry_pathname_utf8(found));
	found_path = strdup(name ? name : "");
	if (!found_path)
		return fail(-ENOMEM, "cannot read %s", verification->job->label);
	length = strlen(found_path);
	if (length && found_path[length - 1] == '/')
		found_path[length - 1] = '\0';
	if (!text_equal(found_path, path))
		return differs(verification, path, "its place");
	if (!entry)
		return archive_entry_size(found) == 0 ? 0 : differs(verification, path, "content");
	if (archive_entry_mtime(found) != verification->job->mtime)
		difference = "time";
	if (!difference)
		difference = attribute_difference(found, entry);
	if (difference)
		return differs(verification, path, difference);
	return entry->type == ENTRY_FILE && !entry->link
		       ? check_content(verification, archive, entry)
		       : 0;
}

/* the hash of the range, beside the rest: each takes a processor as long */
struct hashing {
	struct tar_range *range;
	pthread_t thread;
	bool is_running;
	int result; /* not spoken */
};

static int hash_range(struct tar_range *range, EVP_MD_CTX *digest, unsigned char *bytes)
{
	unsigned char sha256[EVP_MAX_MD_SIZE];
	int r = EVP_DigestInit_ex(digest, EVP_sha256(), NULL) ? 0 : -ENOMEM;

	for (uint64_t at = 0; r == 0 && at < range->size;) {
		size_t part = range->size - at < PIECE ? (size_t)(range->size - at) : PIECE;

		r = file_read_at(range->fd, bytes, part, range->offset + at);
		if (r == 0 && !EVP_DigestUpdate(digest, bytes, part))
			r = -ENOMEM;
		at += part;
	}
	if (r == 0 && !EVP_DigestFinal_ex(digest, sha256, NULL))
		r = -ENOMEM;
	if (r == 0)
		memcpy(range->sha256, sha256, SHA256_SIZE);
	return r;
}

static void *hash(void *context)
{
	struct hashing *hashing = context;
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	unsigned char *bytes = malloc(PIECE);

	hashing->result = digest && bytes ? hash_range(hashing->range, digest, bytes) : -ENOMEM;
	EVP_MD_CTX_free(digest);
	free(bytes);
	return NULL;
}

static void hash_start(struct hashing *hashing)
{
	hashing->is_running = pthread_create(&hashing->thread, NULL, hash, hashing) == 0;
	if (!hashing->is_running) /* no thread to be had: in this one */
		(void)hash(hashing);
}

static int hash_join(struct hashing *hashing, const char *label)
{
	if (hashing->is_running)
		(void)pthread_join(hashing->thread, NULL);
	return hashing->result < 0 ? fail(hashing->result, "cannot read %s", label) : 0;
}

static int check_all(struct verification *verification)
{
	const struct tar_job *job = verification->job;
	CLEANUP(archive_release) struct archive *archive = open_range(verification);
	struct archive_entry *more;
	int r = archive ? 0 : fail(-ENOMEM, "cannot read %s", job->label);

	for (size_t i = 0; r == 0 && i < job->count; i++)
		r = check_member(verification, archive, job->entries[i]);
	if (r == 0 && job->has_end)
		r = check_member(verification, archive, NULL);
	if (r == 0 && archive_read_next_header(archive, &more) != ARCHIVE_EOF)
		return differs(verification, archive_entry_pathname(more), "being there");
	return r;
}

int tar_verify(const struct tar_job *job, struct tar_range *range)
{
	CLEANUP(verification_free)
	struct verification verification = {
		.job = job,
		.range = range,
		.content = EVP_MD_CTX_new(),
		.bytes = malloc(PIECE),
	};
	struct hashing hashing = { .range = range };
	int r, hashed;

	if (!verification.content || !verification.bytes)
		return fail(-ENOMEM, "cannot read %s", job->label);
	hash_start(&hashing);
	r = check_all(&verification);
	hashed = hash_join(&hashing, job->label);
	return r < 0 ? r : hashed;
}
