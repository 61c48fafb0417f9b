/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_unpack.c - a bundle's files into a directory
 *
 * In:    a checked bundle; the root that it is for
 * Out:   files and symlinks, and the directories on the way to them
 * Not:   what is in them
 * Facts: in an overlay a directory of the upper layer covers a symlink or a file below it, and
 *        shows its own owner and mode: kernel Documentation/filesystems/overlayfs.rst
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "lib/file.h"

#define TEMPORARY ".mkinitrd-bundle"

struct unpack {
	int target_fd, root_fd;
	struct text *why;
};

/* where a walk from the top has come to; -1: not there (any more) */
struct place {
	int target, root;
};

#define PLACE_EMPTY ((struct place){ -1, -1 })

static void place_close(struct place *place)
{
	fd_close(&place->target);
	fd_close(&place->root);
}

static int failed(const struct unpack *unpack, int error, const char *path, const char *what)
{
	text_format(unpack->why, "holds '%s', which cannot be %s: %s", path, what,
		    strerror(-error));
	return error;
}

/* the part of @path up to the component that ends at @length */
static int misfit(const struct unpack *unpack, const char *path, size_t length, const char *problem)
{
	text_format(unpack->why,
		    "holds '%s', but '/%.*s' is %s in the image; name the path it "
		    "leads to, or another",
		    path, (int)length, path, problem);
	return -ENOTDIR;
}

static int open_directory(int at_fd, const char *name)
{
	int fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* one directory down in the root, which need not have it. Return: 0 or a negative errno */
static int step_root(const struct unpack *unpack, struct place *place, const char *name,
		     const char *path, size_t length)
{
	int fd = place->root < 0 ? -ENOENT : open_directory(place->root, name);

	fd_close(&place->root);
	if (fd == -ENOTDIR || fd == -ELOOP)
		return misfit(unpack, path, length, "no directory");
	if (fd < 0 && fd != -ENOENT)
		return failed(unpack, fd, path, "placed");
	place->root = fd < 0 ? -1 : fd;
	return 0;
}

/* as the root has it */
static int take_attributes(int target_fd, int root_fd)
{
	struct stat status = { .st_mode = 0755 };

	if (root_fd >= 0 && fstat(root_fd, &status) < 0)
		return -errno;
	if (fchown(target_fd, status.st_uid, status.st_gid) < 0 ||
	    fchmod(target_fd, status.st_mode & 07777) < 0)
		return -errno;
	return 0;
}

/* the same in the target, where it is made. @place->root is there already */
static int step_target(struct place *place, const char *name)
{
	bool is_new = mkdirat(place->target, name, 0700) == 0;
	int r = is_new || errno == EEXIST ? 0 : -errno;
	int fd = r < 0 ? r : open_directory(place->target, name);

	fd_close(&place->target);
	if (fd < 0)
		return fd;
	place->target = fd;
	return is_new ? take_attributes(fd, place->root) : 0;
}

/* to the directory of @path; @ret_name: what is left of it */
static int walk(const struct unpack *unpack, const char *path, bool is_made, struct place *place,
		const char **ret_name)
{
	const char *at = path;

	place->target = is_made ? fcntl(unpack->target_fd, F_DUPFD_CLOEXEC, 0) : -1;
	place->root = fcntl(unpack->root_fd, F_DUPFD_CLOEXEC, 0);
	for (const char *slash; (slash = strchr(at, '/')) != NULL; at = slash + 1) {
		CLEANUP(memory_free) char *name = strndup(at, (size_t)(slash - at));
		int r = name ? step_root(unpack, place, name, path, (size_t)(slash - path))
			     : -ENOMEM;

		if (r < 0)
			return r;
		r = is_made ? step_target(place, name) : 0;
		if (r < 0)
			return failed(unpack, r, path, "made");
	}
	*ret_name = at;
	return 0;
}

/* before anything is written */
static int look(const struct unpack *unpack, const struct bundle_entry *entry)
{
	CLEANUP(place_close) struct place place = PLACE_EMPTY;
	struct stat status;
	const char *name;
	int r = walk(unpack, entry->path, false, &place, &name);

	if (r == 0 && place.root >= 0 &&
	    fstatat(place.root, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
		return misfit(unpack, entry->path, strlen(entry->path), "a directory");
	return r;
}

static int make_file(int directory_fd, const struct bundle_entry *entry)
{
	const struct timespec times[2] = { { .tv_sec = entry->mtime }, { .tv_sec = entry->mtime } };
	CLEANUP(fd_close)
	int fd = openat(directory_fd, TEMPORARY,
			O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : file_write_fd(fd, entry->content, entry->size);

	if (r < 0)
		return r;
	if (fchown(fd, entry->uid, entry->gid) < 0 || fchmod(fd, entry->mode & 07777) < 0 ||
	    futimens(fd, times) < 0)
		return -errno;
	return 0;
}

static int make_link(int directory_fd, const struct bundle_entry *entry)
{
	CLEANUP(memory_free) char *target = strndup((const char *)entry->content, entry->size);

	if (!target)
		return -ENOMEM;
	if (symlinkat(target, directory_fd, TEMPORARY) < 0 ||
	    fchownat(directory_fd, TEMPORARY, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int make(const struct unpack *unpack, const struct bundle_entry *entry)
{
	CLEANUP(place_close) struct place place = PLACE_EMPTY;
	const char *name;
	int r = walk(unpack, entry->path, true, &place, &name);

	if (r < 0)
		return r;
	(void)unlinkat(place.target, TEMPORARY, 0); /* what an earlier try left */
	r = S_ISLNK(entry->mode) ? make_link(place.target, entry) : make_file(place.target, entry);
	if (r == 0 && renameat(place.target, TEMPORARY, place.target, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(place.target, TEMPORARY, 0);
	return r < 0 ? failed(unpack, r, entry->path, "written") : 0;
}

int bundle_unpack(const struct bundle *bundle, int target_fd, int root_fd, struct text *why)
{
	const struct unpack unpack = { target_fd, root_fd, why };
	int r = 0;

	for (size_t i = 0; r == 0 && i < bundle->count; i++)
		if (!S_ISDIR(bundle->entries[i].mode))
			r = look(&unpack, &bundle->entries[i]);
	if (r == 0 && (r = take_attributes(target_fd, root_fd)) < 0)
		text_format(why, "cannot be unpacked: %s", strerror(-r));
	for (size_t i = 0; r == 0 && i < bundle->count; i++)
		if (!S_ISDIR(bundle->entries[i].mode))
			r = make(&unpack, &bundle->entries[i]);
	return r;
}
