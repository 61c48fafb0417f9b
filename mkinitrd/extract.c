/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extract.c - the entries of an image as files below a directory (see extract.h)
 *
 * In:    entries in the order of the image, untrusted; their content
 * Out:   files as the kernel would make them: later entries replace earlier ones, hard links share
 *        the content of whichever has it; long runs of zeros are holes. A file has its name once
 *        it is whole, but for those whose content comes with a later name
 * Not:   which of them (cmd_extract.c); content (extract_content.c); attributes of directories
 *        (extract_folder.c); staying inside of the directory (beneath.c)
 * Facts: kernel init/initramfs.c, do_name(), maybe_link()
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "escape.h"
#include "extract_folder.h"
#include "fail.h"

#define REFUSED_SPOKEN 10

struct link {
	char *path;  /* the first name that was made, or NULL */
	char *other; /* a name with content that was not wanted, or NULL */
	dev_t device;
	ino_t inode;
};

static void link_free(void *value)
{
	struct link *link = value;

	free(link->path);
	free(link->other);
	free(link);
}

/* ---- messages ---- */

int extract_speak(const char *path, int r)
{
	CLEANUP(text_free) struct text name = TEXT_EMPTY;

	escape_name(&name, path);
	return fail(r, "cannot extract '%s'", text_string(&name));
}

/* what is wrong with the entry alone: the others are still made */
static int refuse(struct extraction *extraction, const char *path, int error)
{
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	const char *why = error == -ELOOP       ? "its path goes through a symlink"
			  : error == -EXDEV     ? "its path has \"..\" in it"
			  : error == -EALREADY  ? "its path has the name of unfinished files"
			  : error == -ENOTDIR   ? "its path goes through a file"
			  : error == -ENOTEMPTY ? "a directory with files is there"
			  : error == -ENODATA
				  ? "its content stands under a name that is not extracted"
			  : error == -EBUSY || error == -EEXIST ? "something that stays is there"
								: NULL;

	if (!why)
		return extract_speak(path, error);
	escape_name(&name, path);
	if (extraction->refused++ < REFUSED_SPOKEN)
		warn("'%s': %s, skipping", text_string(&name), why);
	return 0;
}

/* ---- hard links ---- */

static void link_key(const struct image_entry *entry, char *key, size_t size)
{
	(void)snprintf(key, size, "%u %llx %llx", entry->segment, (unsigned long long)entry->device,
		       (unsigned long long)entry->inode);
}

static struct link *link_get(struct extraction *extraction, const struct image_entry *entry,
			     bool make)
{
	char key[80];
	struct link *link;

	link_key(entry, key, sizeof(key));
	link = path_map_get(&extraction->links, key);
	if (link || !make)
		return link;
	link = calloc(1, sizeof(*link));
	if (link && path_map_put(&extraction->links, key, link, link_free) < 0)
		memory_free(&link);
	return link;
}

/* the file that was made under the link's first name, when it is still the one. Return: a
 * descriptor or -errno */
static int link_open(struct extraction *extraction, const struct link *link)
{
	CLEANUP(fd_close) int fd = -1;
	struct stat status;
	const char *name;
	int parent_fd = beneath_parent(&extraction->beneath, link->path, &name);

	if (parent_fd < 0)
		return parent_fd;
	fd = openat(parent_fd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (status.st_dev != link->device || status.st_ino != link->inode)
		return -ESTALE;
	return fd_take(&fd);
}

/* ---- one entry ---- */

/* a further name of the file @fd, which is linked by what is open: the first name may lead
 * elsewhere by now. Return: 0 or -errno */
static int add_name(struct extraction *extraction, const char *path, int fd)
{
	char number[32];
	const char *name;
	int parent_fd = beneath_parent(&extraction->beneath, path, &name);
	int r = parent_fd < 0 ? parent_fd : beneath_clear(&extraction->beneath, parent_fd, name);

	(void)snprintf(number, sizeof(number), "/proc/self/fd/%d", fd);
	if (r == 0 && linkat(AT_FDCWD, number, parent_fd, name, AT_SYMLINK_FOLLOW) < 0)
		r = -errno;
	return r;
}

/* the content, if any, and the attributes; speaks */
static int fill(struct extraction *extraction, const struct image_entry *entry, const char *path,
		int fd)
{
	int r = 0;

	if (entry->size && ftruncate(fd, 0) < 0)
		return extract_speak(path, -errno);
	if (entry->size)
		r = extract_content(extraction, fd, path, entry->size);
	if (r < 0)
		return r;
	r = extract_attributes(extraction, fd, entry->mode, entry->uid, entry->gid, entry->mtime);
	if (r == 0)
		r = extract_xattrs(extraction, fd);
	return r < 0 ? extract_speak(path, r) : 0;
}

static int link_set(struct link *link, const char *path, int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	free(link->path);
	link->path = strdup(path);
	link->device = status.st_dev;
	link->inode = status.st_ino;
	return link->path ? 0 : -ENOMEM;
}

/* a name that nobody asked for, or that is refused, may have the content of one that is made */
static int pass_content(struct extraction *extraction, const struct image_entry *entry)
{
	CLEANUP(fd_close) int fd = -1;
	struct link *link;

	if (!S_ISREG(entry->mode) || entry->nlink < 2 || entry->size == 0)
		return 0;
	link = link_get(extraction, entry, true);
	if (!link)
		return extract_speak(entry->path, -ENOMEM);
	if (!link->path) {
		if (!link->other)
			link->other = strdup(entry->path);
		return 0;
	}
	fd = link_open(extraction, link);
	if (fd < 0)
		return refuse(extraction, link->path, fd);
	return fill(extraction, entry, link->path, fd);
}

/* its other names, if any, keep the content */
static int refuse_file(struct extraction *extraction, const struct image_entry *entry, int error)
{
	int r = refuse(extraction, entry->path, error);

	return r < 0 ? r : pass_content(extraction, entry);
}

/* a file that has its name once it is whole */
static int make_new_file(struct extraction *extraction, const struct image_entry *entry,
			 struct link *link)
{
	CLEANUP(fd_close) int fd = -1;
	const char *name;
	int parent_fd = beneath_parent(&extraction->beneath, entry->path, &name);
	int r;

	fd = parent_fd < 0 ? parent_fd : beneath_begin(&extraction->beneath, parent_fd, name);
	if (fd < 0)
		return refuse_file(extraction, entry, fd);
	r = fill(extraction, entry, entry->path, fd);
	if (r < 0) {
		beneath_abandon(parent_fd);
		return r;
	}
	r = beneath_publish(parent_fd, name);
	if (r < 0)
		return refuse(extraction, entry->path, r);
	r = link ? link_set(link, entry->path, fd) : 0;
	return r < 0 ? extract_speak(entry->path, r) : 0;
}

static int make_file(struct extraction *extraction, const struct image_entry *entry)
{
	CLEANUP(fd_close) int fd = -1;
	struct link *link = NULL;
	int r;

	if (entry->nlink > 1) {
		link = link_get(extraction, entry, true);
		if (!link)
			return extract_speak(entry->path, -ENOMEM);
		if (link->other && entry->size == 0)
			return refuse(extraction, entry->path, -ENODATA);
	}
	/* before anything is removed for it */
	r = extract_space(extraction, entry->size);
	if (r < 0)
		return extract_speak(entry->path, r);
	if (link && link->path && !text_equal(link->path, entry->path))
		fd = link_open(extraction, link);
	if (fd < 0)
		return make_new_file(extraction, entry, link);
	r = add_name(extraction, entry->path, fd);
	return r < 0 ? refuse_file(extraction, entry, r) : fill(extraction, entry, entry->path, fd);
}

static int make_directory(struct extraction *extraction, const struct image_entry *entry)
{
	const char *name;
	struct stat status;
	int parent_fd, r = 0;

	if (text_equal(entry->path, "."))
		return 0; /* the directory is the user's */
	parent_fd = beneath_parent(&extraction->beneath, entry->path, &name);
	if (parent_fd < 0)
		return refuse(extraction, entry->path, parent_fd);
	if (fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISDIR(status.st_mode)) {
		r = beneath_clear(&extraction->beneath, parent_fd, name);
		if (r == 0 && mkdirat(parent_fd, name, 0700) < 0)
			r = -errno;
	}
	if (r < 0)
		return refuse(extraction, entry->path, r);
	r = extract_remember(extraction, entry);
	return r < 0 ? extract_speak(entry->path, r) : 0;
}

static int make_symlink(struct extraction *extraction, const struct image_entry *entry)
{
	struct timespec times[2] = { { .tv_sec = entry->mtime }, { .tv_sec = entry->mtime } };
	const char *name;
	int parent_fd = beneath_parent(&extraction->beneath, entry->path, &name);
	int r = parent_fd < 0 ? parent_fd : beneath_clear(&extraction->beneath, parent_fd, name);

	if (r < 0)
		return refuse(extraction, entry->path, r);
	if (symlinkat(entry->target, parent_fd, name) < 0 ||
	    (extraction->is_root &&
	     fchownat(parent_fd, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0) ||
	    utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return extract_speak(entry->path, -errno);
	return 0;
}

/* devices, fifos, sockets */
static int make_special(struct extraction *extraction, const struct image_entry *entry)
{
	struct timespec times[2] = { { .tv_sec = entry->mtime }, { .tv_sec = entry->mtime } };
	dev_t device = makedev(entry->special_major, entry->special_minor);
	const char *name;
	int parent_fd, r;

	if (!extraction->is_root) {
		extraction->skipped++;
		return 0;
	}
	parent_fd = beneath_parent(&extraction->beneath, entry->path, &name);
	r = parent_fd < 0 ? parent_fd : beneath_clear(&extraction->beneath, parent_fd, name);
	if (r < 0)
		return refuse(extraction, entry->path, r);
	if (mknodat(parent_fd, name, (entry->mode & S_IFMT) | 0600, device) < 0) {
		if (errno != EPERM)
			return extract_speak(entry->path, -errno);
		extraction->skipped++; /* root of a container */
		return 0;
	}
	if (fchownat(parent_fd, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(parent_fd, name, entry->mode & 07777, 0) < 0 ||
	    utimensat(parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return extract_speak(entry->path, -errno);
	return 0;
}

// clang-format off
static const struct {
	mode_t type;
	int (*make)(struct extraction *extraction, const struct image_entry *entry);
} types[] = {
	{ S_IFREG,  make_file },
	{ S_IFDIR,  make_directory },
	{ S_IFLNK,  make_symlink },
	{ S_IFCHR,  make_special },
	{ S_IFBLK,  make_special },
	{ S_IFIFO,  make_special },
	{ S_IFSOCK, make_special },
};
// clang-format on

int extract_entry(struct extraction *extraction, const struct image_entry *entry, bool is_wanted)
{
	if (extract_is_interrupted())
		return extract_speak(entry->path, -EINTR);
	if (!is_wanted)
		return pass_content(extraction, entry);
	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (types[i].type == (entry->mode & S_IFMT)) {
			extraction->entries++;
			return types[i].make(extraction, entry);
		}
	extraction->skipped++; /* the kernel makes nothing of it either */
	return 0;
}

void extraction_free(struct extraction *extraction)
{
	path_map_free(&extraction->links);
	path_map_free(&extraction->folders);
	beneath_close(&extraction->beneath);
}
