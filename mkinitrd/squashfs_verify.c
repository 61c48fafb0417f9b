/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_verify.c - a SquashFS read back and compared with what went into it
 *
 * In:    the entries, whose sizes and hashes are known; the SquashFS
 * Out:   nothing, or the first difference
 *
 * Threads share the work: each goes through all names, and unpacks the files of its own turns.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"
#include "layout.h"
#include "progress.h"
#include "squashfs_make.h"
#include "squashfs_reader.h"

#define THREADS_MOST 8
#define TURN_BYTES ((uint64_t)4 << 20) /* small files share blocks: neighbours stay together */

struct check {
	const struct squashfs_job *job;
	uint64_t size;
	unsigned number, count; /* of the thread, of all */
	EVP_MD_CTX *digest;
	struct squashfs_reader *reader;
	int result;
	char path[4096]; /* of what differs */
	const char *what;
};

static int differs(struct check *check, const char *path, const char *what)
{
	(void)snprintf(check->path, sizeof(check->path), "%s", path);
	check->what = what;
	return -EBADMSG;
}

static struct entry *find(const struct squashfs_job *job, const char *path)
{
	size_t low = 0, high = job->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(job->entries[middle]->path, path);

		if (order == 0)
			return job->entries[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool same_xattrs(const struct xattrs *wanted, const struct xattrs *found)
{
	size_t kept = 0;

	for (size_t i = 0; i < wanted->count; i++) {
		const struct xattr *xattr = &wanted->items[i], *other;

		if (!layout_keeps_xattr(xattr->name))
			continue;
		other = xattrs_find(found, xattr->name);
		if (!other || other->size != xattr->size ||
		    memcmp(other->value, xattr->value, xattr->size) != 0)
			return false;
		kept++;
	}
	return kept == found->count;
}

static mode_t full_mode(const struct entry *entry)
{
	static const mode_t types[] = {
		[ENTRY_FILE] = S_IFREG,      [ENTRY_DIRECTORY] = S_IFDIR, [ENTRY_SYMLINK] = S_IFLNK,
		[ENTRY_CHARACTER] = S_IFCHR, [ENTRY_BLOCK] = S_IFBLK,     [ENTRY_FIFO] = S_IFIFO,
	};

	return types[entry->type] | (entry->type == ENTRY_SYMLINK ? 0777 : entry->mode & 07777);
}

static const char *difference(const struct check *check, const struct entry *entry,
			      const struct squashfs_item *item)
{
	if (item->mode != full_mode(entry))
		return "type or mode";
	if (item->uid != entry->uid || item->gid != entry->gid)
		return "owner";
	if (item->mtime != check->job->mtime)
		return "time";
	if (item->special_major != entry->device_major ||
	    item->special_minor != entry->device_minor)
		return "device";
	if (entry->type == ENTRY_SYMLINK && !text_equal(item->target, entry->target))
		return "target";
	if (entry->type == ENTRY_FILE && (!entry->is_hashed || item->size != entry->size))
		return "size";
	return NULL;
}

static int check_attributes(struct check *check, const struct entry *entry,
			    const struct squashfs_item *item)
{
	const char *what = difference(check, entry, item);
	struct xattrs xattrs;
	int r;

	if (what)
		return differs(check, item->path, what);
	r = squashfs_reader_xattrs(check->reader, &xattrs);
	if (r == 0 && !same_xattrs(&entry->xattrs, &xattrs))
		r = differs(check, item->path, "extended attributes");
	xattrs_free(&xattrs);
	return r;
}

static int check_content(struct check *check, const struct entry *entry)
{
	unsigned char sha256[EVP_MAX_MD_SIZE];
	const unsigned char *piece;
	ssize_t count;

	if (!EVP_DigestInit_ex(check->digest, EVP_sha256(), NULL))
		return -ENOMEM;
	progress_step(0, 0, entry->path);
	while ((count = squashfs_reader_piece(check->reader, &piece)) > 0)
		if (!EVP_DigestUpdate(check->digest, piece, (size_t)count))
			return -ENOMEM;
	if (count < 0)
		return (int)count;
	if (!EVP_DigestFinal_ex(check->digest, sha256, NULL))
		return -ENOMEM;
	return memcmp(sha256, entry->sha256, SHA256_SIZE) == 0
		       ? 0
		       : differs(check, entry->path, "content");
}

static int check_all(struct check *check)
{
	const struct squashfs_job *job = check->job;
	struct squashfs_item item;
	uint64_t bytes = 0;
	size_t found = 0;
	int r;

	while ((r = squashfs_reader_next(check->reader, &item)) == 1) {
		const struct entry *entry = find(job, item.path);
		bool is_mine = bytes / TURN_BYTES % check->count == check->number;

		if (!entry)
			return differs(check, item.path, "being there at all");
		found++;
		if (check->number == 0)
			r = check_attributes(check, entry, &item);
		if (r >= 0 && entry->type == ENTRY_FILE && !entry->link) {
			bytes += entry->size;
			r = is_mine ? check_content(check, entry) : 0;
		}
		if (r < 0)
			return r;
	}
	if (r == 0 && found != job->count)
		r = differs(check, "/", "what it holds");
	return r;
}

static void *check_run(void *context)
{
	struct check *check = context;

	check->digest = EVP_MD_CTX_new();
	check->result = check->digest ? squashfs_reader_open(check->job->fd, check->job->offset,
							     check->size, &check->reader)
				      : -ENOMEM;
	if (check->result == 0)
		check->result = check_all(check);
	return NULL;
}

static int speak(const struct check *check)
{
	const char *label = check->job->label;

	if (check->what)
		return fail(0,
			    "the SquashFS of '%s' does not read back as it was written: '%s' "
			    "differs in %s",
			    label, check->path, check->what),
		       -EBADMSG;
	return fail(check->result, "cannot verify the SquashFS of '%s': %s", label,
		    check->reader ? squashfs_reader_problem(check->reader) : "no memory");
}

int squashfs_verify(const struct squashfs_job *job, uint64_t size)
{
	struct check checks[THREADS_MOST] = { 0 };
	pthread_t threads[THREADS_MOST];
	unsigned count = job->jobs < THREADS_MOST ? job->jobs : THREADS_MOST, started = 0;
	int r = 0;

	for (unsigned i = 0; i < count; i++)
		checks[i] = (struct check){ .job = job, .size = size, .number = i, .count = count };
	while (started < count && r == 0) {
		r = -pthread_create(&threads[started], NULL, check_run, &checks[started]);
		started += r == 0;
	}
	if (r < 0)
		(void)fail(r, "cannot verify the SquashFS of '%s'", job->label);
	for (unsigned i = 0; i < started; i++) {
		(void)pthread_join(threads[i], NULL);
		if (r == 0 && checks[i].result < 0)
			r = speak(&checks[i]);
		squashfs_reader_close(checks[i].reader);
		EVP_MD_CTX_free(checks[i].digest);
	}
	return r;
}

int squashfs_verify_tree(const struct squashfs_job *job, const struct squashfs_made *made)
{
	int r;

	if (!made->record.has_root_hash)
		return 0;
	r = verity_check(job->fd, job->offset, &made->verity);
	if (r < 0)
		return fail(r, "cannot verify the SquashFS of '%s'", job->label);
	if (r == 0) {
		(void)fail(0, "the hash tree of '%s' does not read back as it was written",
			   job->label);
		return -EBADMSG;
	}
	return 0;
}
