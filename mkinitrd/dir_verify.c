/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir_verify.c - a directory against the entries that it was made of (see dir_write.h)
 *
 * In:    entries whose hashes are known
 * Out:   nothing, or the first difference
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "beneath.h"
#include "dir_write.h"
#include "fail.h"
#include "progress.h"

#define PIECE 65536

struct verification {
	struct dir_job *job;
	struct beneath beneath;
	EVP_MD_CTX *digest;
	size_t names; /* that are in the directories of the tree */
};

static void verification_free(struct verification *verification)
{
	verification->beneath.top_fd = -1; /* the job's */
	beneath_close(&verification->beneath);
	EVP_MD_CTX_free(verification->digest);
}

static int differs(const struct verification *verification, const char *path, const char *what)
{
	(void)fail(0, "%s does not read back as it was written: '%s' differs in %s",
		   verification->job->label, path, what);
	return -EBADMSG;
}

static int fail_read(const struct verification *verification, const char *path, int r)
{
	return r == -EINTR ? r : fail(r, "cannot read '%s' in %s", path, verification->job->label);
}

static int check_content(struct verification *verification, const struct entry *entry, int fd)
{
	unsigned char bytes[PIECE], sha256[EVP_MAX_MD_SIZE];
	ssize_t count;
	int r = 0;

	if (!EVP_DigestInit_ex(verification->digest, EVP_sha256(), NULL))
		return fail_read(verification, entry->path, -ENOMEM);
	while (r == 0 && (count = read(fd, bytes, sizeof(bytes))) != 0) {
		if (count < 0)
			return fail_read(verification, entry->path, -errno);
		r = output_folder_check();
		if (!EVP_DigestUpdate(verification->digest, bytes, (size_t)count))
			r = -ENOMEM;
		verification->job->done += (uint64_t)count;
		progress_step(verification->job->done, verification->job->list->content,
			      entry->path);
	}
	if (r < 0)
		return fail_read(verification, entry->path, r);
	if (!EVP_DigestFinal_ex(verification->digest, sha256, NULL) ||
	    memcmp(sha256, entry->sha256, SHA256_SIZE) != 0)
		return differs(verification, entry->path, "content");
	return 0;
}

static int check_target(struct verification *verification, const struct entry *entry, int parent_fd,
			const char *name)
{
	char target[4096];
	ssize_t length = readlinkat(parent_fd, name, target, sizeof(target) - 1);

	if (length < 0)
		return fail_read(verification, entry->path, -errno);
	target[length] = '\0';
	return text_equal(target, entry->target) ? 0 : differs(verification, entry->path, "target");
}

static int check_xattrs(struct verification *verification, const struct entry *entry, int parent_fd,
			const char *name)
{
	CLEANUP(fd_close) int fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct xattrs xattrs = XATTRS_EMPTY;
	bool is_equal;
	int r = fd < 0 ? -errno : xattrs_read(fd, &xattrs);

	if (r < 0)
		return fail_read(verification, entry->path, r);
	is_equal = xattrs_equal(&xattrs, &entry->xattrs);
	xattrs_free(&xattrs);
	return is_equal || verification->job->lost.attributes
		       ? 0
		       : differs(verification, entry->path, "extended attributes");
}

static const char *status_difference(const struct verification *verification,
				     const struct entry *entry, const struct stat *status)
{
	static const mode_t types[] = {
		[ENTRY_FILE] = S_IFREG,      [ENTRY_DIRECTORY] = S_IFDIR, [ENTRY_SYMLINK] = S_IFLNK,
		[ENTRY_CHARACTER] = S_IFCHR, [ENTRY_BLOCK] = S_IFBLK,     [ENTRY_FIFO] = S_IFIFO,
	};
	const struct dir_job *job = verification->job;
	bool is_device = entry->type == ENTRY_CHARACTER || entry->type == ENTRY_BLOCK;

	if ((status->st_mode & S_IFMT) != types[entry->type])
		return "type";
	if (entry->type != ENTRY_SYMLINK && (status->st_mode & 07777) != (entry->mode & 07777) &&
	    job->lost.owners == 0)
		return "mode";
	if ((status->st_uid != entry->uid || status->st_gid != entry->gid) &&
	    job->lost.owners == 0 && geteuid() == 0)
		return "owner";
	if (status->st_mtim.tv_sec != job->mtime)
		return "time";
	if (is_device && status->st_rdev != makedev(entry->device_major, entry->device_minor))
		return "device";
	if (entry->type == ENTRY_FILE && (uint64_t)status->st_size != entry->size)
		return "size";
	return entry->type == ENTRY_FILE && status->st_nlink != entry->nlink ? "hard links" : NULL;
}

/* the names in the directory that is open, "." and ".." aside */
static int count_names(struct verification *verification, const char *path, int fd)
{
	CLEANUP(directory_close) DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory)
		return fail_read(verification, path, -errno);
	while (readdir(directory) != NULL)
		verification->names++;
	verification->names -= 2;
	return 0;
}

static int check_entry(struct verification *verification, const struct entry *entry)
{
	const char *name = NULL, *difference;
	int parent_fd = beneath_parent(&verification->beneath, entry->path, &name);
	CLEANUP(fd_close) int fd = -1;
	struct stat status;
	int r = 0;

	if (parent_fd < 0)
		return fail_read(verification, entry->path, parent_fd);
	if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT && verification->job->lost.devices &&
		    entry->type != ENTRY_FILE) {
			verification->names++; /* it was left out */
			return 0;
		}
		return fail_read(verification, entry->path, -errno);
	}
	difference = status_difference(verification, entry, &status);
	if (difference)
		return differs(verification, entry->path, difference);
	if (entry->type == ENTRY_SYMLINK)
		return check_target(verification, entry, parent_fd, name);
	r = check_xattrs(verification, entry, parent_fd, name);
	if (r < 0 || (entry->type != ENTRY_FILE && entry->type != ENTRY_DIRECTORY) || entry->link)
		return r;
	fd = openat(parent_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && geteuid() != 0) {
		warn("'%s' cannot be read back by user %u, skipping", entry->path,
		     (unsigned)geteuid());
		return 0;
	}
	if (entry->type == ENTRY_DIRECTORY)
		return count_names(verification, entry->path, fd_take(&fd));
	return fd < 0 ? fail_read(verification, entry->path, -errno)
		      : check_content(verification, entry, fd);
}

int dir_verify(struct dir_job *job)
{
	CLEANUP(verification_free)
	struct verification verification = {
		.job = job,
		.beneath = { .top_fd = job->top_fd, .parent_fd = -1 },
		.digest = EVP_MD_CTX_new(),
	};
	int r = verification.digest ? 0 : fail(-ENOMEM, "cannot read %s", job->label);

	if (r == 0)
		r = count_names(&verification, ".",
				openat(job->top_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	for (size_t i = 0; r == 0 && i < job->list->count; i++)
		r = check_entry(&verification, job->list->entries[i]);
	if (r == 0 && geteuid() == 0 && verification.names != job->list->count + job->has_end)
		return differs(&verification, ".", "how many files there are");
	return r;
}
