/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_folder.c - a directory that appears whole or not at all (see output_folder.h)
 *
 * In:    a path
 * Out:   a directory there, or nothing
 * Facts: renameat2(2): RENAME_EXCHANGE, RENAME_NOREPLACE; a lock of flock(2) goes with the process
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fail.h"
#include "output_folder.h"
#include "spool.h"
#include "temporary.h"

#define TRIES 100

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

static void signals_catch(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < COUNT_OF(signals); i++) {
		struct sigaction before;

		(void)sigaction(signals[i], NULL, &before);
		if (before.sa_handler != SIG_IGN) /* nohup */
			(void)sigaction(signals[i], &action, NULL);
	}
}

int output_folder_check(void)
{
	return caught ? -EINTR : 0;
}

/* the directory that the target lies in, and its name there */
static int open_parent(struct output_folder *folder, const char *path)
{
	CLEANUP(memory_free) char *parent = NULL;
	const char *slash;
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	folder->path = strndup(path, length);
	if (!folder->path)
		return fail(-ENOMEM, "cannot write '%s'", path);
	slash = strrchr(folder->path, '/');
	folder->name = strdup(slash ? slash + 1 : folder->path);
	parent = slash == folder->path ? strdup("/")
		 : slash               ? strndup(folder->path, (size_t)(slash - folder->path))
				       : strdup(".");
	if (!parent || !folder->name)
		return fail(-ENOMEM, "cannot write '%s'", path);
	if (!*folder->name || text_equal(folder->name, ".") || text_equal(folder->name, ".."))
		return fail(0, "'%s' is no name for a new directory", path);
	folder->parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder->parent_fd < 0
		       ? fail(-errno, "cannot write '%s': its directory '%s'", path, parent)
		       : 0;
}

static bool is_empty(int parent_fd, const char *name)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *item;
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory) {
		fd_close(&fd);
		return false;
	}
	while ((item = readdir(directory)) != NULL)
		if (!text_equal(item->d_name, ".") && !text_equal(item->d_name, ".."))
			return false;
	return true;
}

static int check_target(struct output_folder *folder, bool is_forced)
{
	struct stat status;

	if (fstatat(folder->parent_fd, folder->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(-errno, "cannot write '%s'", folder->path);
	if (!S_ISDIR(status.st_mode))
		return fail(0, "cannot write '%s': it is there, and no directory", folder->path);
	folder->replaces = true;
	if (!is_forced && !is_empty(folder->parent_fd, folder->name))
		return fail(0,
			    "directory '%s' is not empty; give another one, or --force to put the "
			    "new tree in its place",
			    folder->path);
	return 0;
}

/* with all that is in it */
static int remove_folder(const struct output_folder *folder, const char *name)
{
	CLEANUP(fd_close)
	int fd = openat(folder->parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	remove_all(fd);
	return unlinkat(folder->parent_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* a directory that was left behind when its process was killed: the kernel has let go of the lock
 */
static void collect(void *context, const char *name)
{
	const struct output_folder *folder = context;
	CLEANUP(fd_close)
	int fd = openat(folder->parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (remove_folder(folder, name) == 0)
		note("removed '%s', which a build that was killed has left beside '%s'", name,
		     folder->path);
}

static int make_temporary(struct output_folder *folder)
{
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	int r = -EEXIST;

	for (int tries = 0; r == -EEXIST && tries < TRIES; tries++) {
		r = temporary_name(folder->name, &name);
		if (r < 0)
			return r;
		r = mkdirat(folder->parent_fd, text_string(&name), 0700) < 0 ? -errno : 0;
	}
	if (r < 0)
		return r;
	folder->fd = openat(folder->parent_fd, text_string(&name),
			    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	r = folder->fd < 0 || flock(folder->fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	if (r < 0) {
		(void)unlinkat(folder->parent_fd, text_string(&name), AT_REMOVEDIR);
		return r;
	}
	return text_take(&name, &folder->temporary);
}

int output_folder_open(struct output_folder *folder, const char *path, bool is_forced)
{
	int r = open_parent(folder, path);

	if (r == 0)
		r = check_target(folder, is_forced);
	if (r < 0)
		return r;
	temporary_each(folder->parent_fd, folder->name, collect, folder);
	signals_catch();
	r = make_temporary(folder);
	return r < 0 ? fail(r, "cannot make a directory beside '%s'", folder->path) : 0;
}

/* in the place of what stands there, or where nothing stands. Return: 0 or -errno */
static int put_in_place(const struct output_folder *folder)
{
	unsigned flags = folder->replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE;

	if (renameat2(folder->parent_fd, folder->temporary, folder->parent_fd, folder->name,
		      flags) == 0)
		return 0;
	/* a file system that cannot: over an empty directory, or nothing */
	if (errno == EINVAL &&
	    renameat(folder->parent_fd, folder->temporary, folder->parent_fd, folder->name) == 0)
		return 0;
	return -errno;
}

int output_folder_publish(struct output_folder *folder)
{
	CLEANUP(memory_free) char *old = NULL;
	int r;

	if (syncfs(folder->fd) < 0)
		return fail(-errno, "cannot write '%s'", folder->path);
	r = put_in_place(folder);
	if (r < 0)
		return fail(r, "cannot put the finished directory in the place of '%s'",
			    folder->path);
	old = text_pointer_take(&folder->temporary);
	if (folder->replaces) {
		r = remove_folder(folder, old);
		if (r < 0 && r != -ENOENT)
			warn("'%s' is new, but what it replaced is still there as '%s': %s",
			     folder->path, old, strerror(-r));
	}
	if (fsync(folder->parent_fd) < 0)
		return fail(-errno, "'%s' is written, but its directory may not be on disk yet",
			    folder->path);
	return 0;
}

void output_folder_close(struct output_folder *folder)
{
	if (folder->temporary)
		(void)remove_folder(folder, folder->temporary);
	memory_free(&folder->temporary);
	memory_free(&folder->name);
	memory_free(&folder->path);
	fd_close(&folder->fd);
	fd_close(&folder->parent_fd);
	if (caught) {
		(void)signal(caught, SIG_DFL);
		(void)raise(caught);
	}
}
