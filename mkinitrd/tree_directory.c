/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_directory.c - a directory of the build machine into a tree
 *
 * In:    a directory, opened
 * Out:   members of the tree; content stays where it is
 *
 * Nothing is followed: not symlinks, not mounts. Who owns the directory itself is root, as with
 * --root: so a tree that an ordinary user unpacked has the owners that it was made for.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fail.h"
#include "path_map.h"
#include "tree_read.h"

#define DEPTH_MOST 1024
#define TARGET_MOST 4096

struct walk {
	struct tree_reader *reader;
	int top_fd;
	struct stat top;
	struct path_map links; /* objects with several names, by device and inode */
};

static void object_cleanup(struct tree_object **object)
{
	tree_object_release(object);
}

static void object_drop(void *pointer)
{
	struct tree_object *object = pointer;

	tree_object_release(&object);
}

static int fail_path(const struct walk *walk, int error, const char *path)
{
	return tree_fail(walk->reader, error, path,
			 error == -EACCES ? "may not be read; run as a user who may"
					  : strerror(-error));
}

static int take_target(int directory_fd, const char *name, struct tree_object *object)
{
	char target[TARGET_MOST];
	ssize_t length = readlinkat(directory_fd, name, target, sizeof(target));

	if (length < 0)
		return -errno;
	if (length == 0 || length == sizeof(target))
		return -ENAMETOOLONG;
	object->target = strndup(target, (size_t)length);
	return object->target ? 0 : -ENOMEM;
}

static void take_source(const struct walk *walk, const char *path, const struct stat *status,
			struct tree_object *object)
{
	object->size = (uint64_t)status->st_size;
	object->source.directory_fd = walk->top_fd;
	object->source.stored = strdup(path);
	object->source.is_seen = true;
	object->source.seen_size = object->size;
	object->source.seen_time = status->st_mtim;
}

static int take_attributes(int directory_fd, const char *name, const struct stat *status,
			   struct tree_object *object)
{
	CLEANUP(fd_close) int fd = -1;

	object->device_major = major(status->st_rdev);
	object->device_minor = minor(status->st_rdev);
	if (object->type == ENTRY_SYMLINK)
		return take_target(directory_fd, name, object);
	if (object->type != ENTRY_FILE && object->type != ENTRY_DIRECTORY)
		object->device_major = S_ISFIFO(status->st_mode) ? 0 : object->device_major;
	fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : xattrs_read(fd, &object->xattrs);
}

static bool type_of(mode_t mode, enum entry_type *ret_type)
{
	static const struct {
		mode_t mode;
		enum entry_type type;
	} types[] = {
		{ S_IFREG, ENTRY_FILE },    { S_IFDIR, ENTRY_DIRECTORY },
		{ S_IFLNK, ENTRY_SYMLINK }, { S_IFCHR, ENTRY_CHARACTER },
		{ S_IFBLK, ENTRY_BLOCK },   { S_IFIFO, ENTRY_FIFO },
	};

	for (size_t i = 0; i < COUNT_OF(types); i++)
		if (types[i].mode == (mode & S_IFMT)) {
			*ret_type = types[i].type;
			return true;
		}
	return false;
}

/* a new object for what @status is of; *ret_object NULL: of no type that a tree has */
static int make_object(struct walk *walk, int directory_fd, const char *path, const char *name,
		       const struct stat *status, struct tree_object **ret_object)
{
	CLEANUP(object_cleanup) struct tree_object *object = NULL;
	enum entry_type type;
	int r;

	if (!type_of(status->st_mode, &type)) {
		warn("'%s' of %s is a socket, which no tree can have, skipping", path,
		     walk->reader->label);
		return 0;
	}
	object = tree_object_new(type, status->st_mode);
	if (!object)
		return fail_path(walk, -ENOMEM, path);
	object->uid = status->st_uid == walk->top.st_uid ? 0 : status->st_uid;
	object->gid = status->st_gid == walk->top.st_gid ? 0 : status->st_gid;
	r = take_attributes(directory_fd, name, status, object);
	if (r < 0)
		return fail_path(walk, r, path);
	if (type == ENTRY_FILE) {
		take_source(walk, path, status, object);
		r = tree_grow(walk->reader, path, object->size);
	}
	if (r == 0) {
		*ret_object = object;
		object = NULL;
	}
	return r;
}

/* the object of one more name */
static int find_object(struct walk *walk, int directory_fd, const char *path, const char *name,
		       const struct stat *status, struct tree_object **ret_object)
{
	CLEANUP(text_free) struct text key = TEXT_EMPTY;
	struct tree_object *object;
	int r;

	if (S_ISDIR(status->st_mode) || status->st_nlink < 2)
		return make_object(walk, directory_fd, path, name, status, ret_object);
	text_format(&key, "%llx", (unsigned long long)status->st_ino);
	object = path_map_get(&walk->links, text_string(&key));
	if (!object) {
		r = make_object(walk, directory_fd, path, name, status, ret_object);
		object = *ret_object;
		if (r < 0 || !object)
			return r;
		r = path_map_put(&walk->links, text_string(&key), object, object_drop);
		if (r < 0)
			return r;
	}
	object->references++;
	*ret_object = object;
	return 0;
}

static int walk_directory(struct walk *walk, int fd, const char *path, unsigned depth);

static int walk_entry(struct walk *walk, int directory_fd, const char *folder, const char *name,
		      unsigned depth)
{
	CLEANUP(object_cleanup) struct tree_object *object = NULL;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct stat status;
	int fd, r;

	text_format(&path, "%s%s%s", folder, *folder ? "/" : "", name);
	if (path.failed)
		return fail_path(walk, -ENOMEM, folder);
	if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_path(walk, -errno, text_string(&path));
	if (status.st_dev != walk->top.st_dev) {
		note("'%s' of %s is on another file system: its folder is taken, not what is "
		     "mounted there",
		     text_string(&path), walk->reader->label);
		if (!S_ISDIR(status.st_mode))
			return 0;
	}
	r = find_object(walk, directory_fd, text_string(&path), name, &status, &object);
	if (r < 0 || !object)
		return r;
	r = tree_add(walk->reader, text_string(&path), object);
	if (r < 0 || !S_ISDIR(status.st_mode) || status.st_dev != walk->top.st_dev)
		return r;
	fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? fail_path(walk, -errno, text_string(&path))
		      : walk_directory(walk, fd, text_string(&path), depth + 1);
}

/* takes @fd over */
static int walk_directory(struct walk *walk, int fd, const char *path, unsigned depth)
{
	CLEANUP(directory_close) DIR *directory = fdopendir(fd);
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	const struct dirent *child;
	int r = 0;

	if (!directory) {
		(void)close(fd);
		return fail_path(walk, -ENOMEM, path);
	}
	if (depth > DEPTH_MOST)
		return fail_path(walk, -ELOOP, path);
	while (r == 0 && (errno = 0, child = readdir(directory)))
		if (!text_equal(child->d_name, ".") && !text_equal(child->d_name, ".."))
			r = strings_add(&names, child->d_name);
	if (r == 0)
		r = -errno;
	if (r < 0)
		return fail_path(walk, r, path);
	/* which name of a hard link comes first must not depend on the file system */
	strings_sort(&names, false);
	for (size_t i = 0; r == 0 && i < names.count; i++)
		r = walk_entry(walk, dirfd(directory), path, names.items[i], depth);
	return r;
}

int tree_read_directory(struct tree_reader *reader, int fd)
{
	struct walk walk = { .reader = reader, .top_fd = fd };
	int copy, r;

	if (fstat(fd, &walk.top) < 0)
		return fail(-errno, "cannot read %s", reader->label);
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy < 0)
		return fail(-errno, "cannot read %s", reader->label);
	r = walk_directory(&walk, copy, "", 0);
	path_map_free(&walk.links);
	return r;
}
