/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir_write.c - entries of a manifest as files below a directory (see dir_write.h)
 *
 * In:    entries, parents before what is in them
 * Out:   files as the entries say; long runs of zeros are holes
 * Not:   reading back (dir_verify.c), putting the directory in its place (output_folder.c)
 * Facts: chown(2) takes set-id bits and file capabilities away: owner, mode and attributes are set
 *        in that order
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "beneath.h"
#include "content.h"
#include "dir_write.h"
#include "fail.h"
#include "output.h"
#include "progress.h"
#include "../init/lib/file.h"

/* one file on its way */
struct work {
	struct dir_job *job;
	struct beneath beneath;
	struct content_reader *reader;
	const struct entry *entry;
	int fd;
	uint64_t offset;
	bool is_said; /* what went wrong */
};

static void work_free(struct work *work)
{
	work->beneath.top_fd = -1; /* the job's */
	beneath_close(&work->beneath);
	content_reader_free(work->reader);
}

static int fail_write(const struct dir_job *job, const char *path, int r)
{
	if (r == -EINTR)
		return r; /* a signal asked for it */
	return fail(r, "cannot write '%s' in %s", path, job->label);
}

/* what may be left out. Return: 0 or -errno, spoken */
static int lose(const struct dir_job *job, size_t *count, const char *path, const char *what, int r)
{
	if (r != -EPERM && r != -EINVAL && r != -ENOTSUP && r != -EACCES)
		return fail_write(job, path, r);
	if (!job->is_forced)
		return fail(r,
			    "'%s' of %s has %s that cannot be kept here; run as the host's root on "
			    "a file system that has them, or leave them out with --force",
			    path, job->label, what);
	++*count;
	note("'%s' has %s that cannot be kept here, skipping", path, what);
	return 0;
}

/* ---- attributes ---- */

static int set_owner(struct dir_job *job, const struct entry *entry, int parent_fd,
		     const char *name)
{
	/* the files of an ordinary user are his */
	if (geteuid() != 0 && entry->uid == 0 && entry->gid == 0)
		return 0;
	if (fchownat(parent_fd, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return lose(job, &job->lost.owners, entry->path, "an owner", -errno);
}

static int set_xattrs(struct dir_job *job, const struct entry *entry, int parent_fd,
		      const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	if (entry->xattrs.count == 0)
		return 0;
	text_format(&path, "/proc/self/fd/%d/%s", parent_fd, name);
	for (size_t i = 0; i < entry->xattrs.count; i++) {
		const struct xattr *xattr = &entry->xattrs.items[i];
		CLEANUP(text_free) struct text what = TEXT_EMPTY;
		int r;

		if (lsetxattr(text_string(&path), xattr->name, xattr->value, xattr->size, 0) == 0)
			continue;
		text_format(&what, "an attribute ('%s')", xattr->name);
		r = lose(job, &job->lost.attributes, entry->path, text_string(&what), -errno);
		if (r < 0)
			return r;
	}
	return 0;
}

/* of whatever it is, by its name: set last of all that is done to it */
static int set_attributes(struct dir_job *job, const struct entry *entry, int parent_fd,
			  const char *name)
{
	struct timespec times[2] = { { .tv_sec = job->mtime }, { .tv_sec = job->mtime } };
	int r = set_owner(job, entry, parent_fd, name);

	if (r == 0 && entry->type != ENTRY_SYMLINK &&
	    fchmodat(parent_fd, name, entry->mode & 07777, 0) < 0)
		r = fail_write(job, entry->path, -errno);
	if (r == 0)
		r = set_xattrs(job, entry, parent_fd, name);
	if (r == 0 && utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		r = fail_write(job, entry->path, -errno);
	return r;
}

/* ---- what is made ---- */

static bool is_zero(const unsigned char *bytes, size_t count)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0;
}

static int write_piece(void *context, const void *bytes, size_t count)
{
	struct work *work = context;
	int r = output_folder_check();

	if (r == 0 && !is_zero(bytes, count))
		r = file_write_at(work->fd, bytes, count, work->offset);
	work->offset += count;
	work->job->done += count;
	progress_step(work->job->done, work->job->list->content, work->entry->path);
	work->is_said |= r < 0;
	return r < 0 ? fail_write(work->job, work->entry->path, r) : 0;
}

static int make_file(struct work *work, struct entry *entry, int parent_fd, const char *name)
{
	CLEANUP(fd_close)
	int fd =
		openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	work->fd = fd;
	work->entry = entry;
	work->offset = 0;
	r = content_read(work->reader, entry, write_piece, work);
	if (r < 0) {
		work->is_said = true;
		return r;
	}
	return ftruncate(fd, (off_t)work->offset) < 0 ? -errno : 0;
}

static int make_link(struct work *work, struct entry *entry, int parent_fd, const char *name)
{
	/* the descriptor stays: the parent of the next path is another one */
	CLEANUP(fd_close) int here = fcntl(parent_fd, F_DUPFD_CLOEXEC, 0);
	const char *first = NULL;
	int there;

	if (here < 0)
		return -errno;
	there = beneath_parent(&work->beneath, entry->link->path, &first);
	if (there < 0)
		return there;
	entry->size = entry->link->size;
	entry->is_hashed = true;
	memcpy(entry->sha256, entry->link->sha256, SHA256_SIZE);
	return linkat(there, first, here, name, 0) < 0 ? -errno : 0;
}

static int make_special(struct work *work, const struct entry *entry, int parent_fd,
			const char *name, bool *ret_is_made)
{
	mode_t type = entry->type == ENTRY_CHARACTER ? S_IFCHR
		      : entry->type == ENTRY_BLOCK   ? S_IFBLK
						     : S_IFIFO;
	int r;

	*ret_is_made = mknodat(parent_fd, name, type | 0600,
			       makedev(entry->device_major, entry->device_minor)) == 0;
	if (*ret_is_made)
		return 0;
	r = lose(work->job, &work->job->lost.devices, entry->path, "a device", -errno);
	work->is_said |= r < 0;
	return r;
}

/* Return: 0 or -errno; ret_is_made: whether its attributes are still to be set */
static int make_one(struct work *work, struct entry *entry, int parent_fd, const char *name,
		    bool *ret_is_made)
{
	*ret_is_made = true;
	switch (entry->type) {
	case ENTRY_FILE:
		if (!entry->link)
			return make_file(work, entry, parent_fd, name);
		*ret_is_made = false;
		return make_link(work, entry, parent_fd, name);
	case ENTRY_DIRECTORY:
		*ret_is_made = false; /* at the end */
		return mkdirat(parent_fd, name, 0700) < 0 ? -errno : 0;
	case ENTRY_SYMLINK:
		return symlinkat(entry->target, parent_fd, name) < 0 ? -errno : 0;
	case ENTRY_CHARACTER:
	case ENTRY_BLOCK:
	case ENTRY_FIFO:
		return make_special(work, entry, parent_fd, name, ret_is_made);
	}
	return -EINVAL;
}

static int write_entry(struct work *work, struct entry *entry)
{
	const char *name = NULL;
	bool is_made = false;
	int r = output_folder_check();
	int parent_fd = r < 0 ? r : beneath_parent(&work->beneath, entry->path, &name);

	r = parent_fd < 0 ? parent_fd : make_one(work, entry, parent_fd, name, &is_made);
	if (r < 0)
		return work->is_said ? r : fail_write(work->job, entry->path, r);
	return is_made ? set_attributes(work->job, entry, parent_fd, name) : 0;
}

/* children before their parents, whose times they would change */
static int finish_directories(struct work *work)
{
	const struct export_list *list = work->job->list;
	int r = 0;

	for (size_t i = list->count; r == 0 && i-- > 0;) {
		const struct entry *entry = list->entries[i];
		const char *name = NULL;
		int parent_fd;

		if (entry->type != ENTRY_DIRECTORY)
			continue;
		parent_fd = beneath_parent(&work->beneath, entry->path, &name);
		r = parent_fd < 0 ? fail_write(work->job, entry->path, parent_fd)
				  : set_attributes(work->job, entry, parent_fd, name);
	}
	return r;
}

/* the last file of a tree that boots */
static int write_end(struct work *work)
{
	struct timespec times[2] = { { .tv_sec = work->job->mtime },
				     { .tv_sec = work->job->mtime } };
	const char *name = NULL;
	int parent_fd = beneath_parent(&work->beneath, COMPLETE_PATH, &name);
	CLEANUP(fd_close) int fd = -1;

	if (parent_fd < 0)
		return fail_write(work->job, COMPLETE_PATH, parent_fd);
	fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	if (fd < 0 || fchmod(fd, 0444) < 0 || futimens(fd, times) < 0)
		return fail_write(work->job, COMPLETE_PATH, -errno);
	return 0;
}

int dir_write(struct dir_job *job)
{
	const struct output nothing = OUTPUT_EMPTY;
	CLEANUP(work_free)
	struct work work = {
		.job = job,
		.beneath = { .top_fd = job->top_fd, .parent_fd = -1 },
		.reader = content_reader_new(&nothing),
		.fd = -1,
	};
	int r = work.reader ? 0 : fail(-ENOMEM, "cannot write %s", job->label);

	for (size_t i = 0; r == 0 && i < job->list->count; i++)
		r = write_entry(&work, job->list->entries[i]);
	if (r == 0 && job->has_end)
		r = write_end(&work);
	return r < 0 ? r : finish_directories(&work);
}

/* ---- what cannot be kept ---- */

int dir_check(const struct dir_job *job)
{
	struct dir_lost lost = { 0 };

	if (geteuid() == 0 || job->is_forced)
		return 0;
	for (size_t i = 0; i < job->list->count; i++) {
		const struct entry *entry = job->list->entries[i];

		lost.owners += entry->uid != 0 || entry->gid != 0;
		lost.devices += entry->type == ENTRY_CHARACTER || entry->type == ENTRY_BLOCK;
		for (size_t j = 0; j < entry->xattrs.count; j++)
			lost.attributes += !text_after(entry->xattrs.items[j].name, "user.");
	}
	if (lost.owners + lost.devices + lost.attributes == 0)
		return 0;
	return fail(0,
		    "%s would have %zu owners other than root, %zu devices and %zu capabilities or "
		    "attributes, which only root can make; run as root, write a tar, or leave them "
		    "out with --force",
		    job->label, lost.owners, lost.devices, lost.attributes);
}

void dir_say_lost(const struct dir_job *job)
{
	const struct dir_lost *lost = &job->lost;

	if (lost->owners + lost->devices + lost->attributes)
		warn("%s lacks what cannot be kept here: %zu owners, %zu devices, %zu attributes "
		     "(-v lists them)",
		     job->label, lost->owners, lost->devices, lost->attributes);
	if (geteuid() != 0)
		warn("the files in %s belong to user %u, not to root", job->label,
		     (unsigned)geteuid());
}
