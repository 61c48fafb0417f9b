/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sysroot.c - look at files below a root directory and never leave it (see sysroot.h)
 *
 * In:    the root's directory, paths as seen inside it
 * Out:   descriptors, names, contents
 * Not:   what a symlink leads to, step by step (sysroot_canonical.c)
 * Facts: openat2(2): RESOLVE_IN_ROOT makes the kernel itself treat the root as "/", for "..",
 *        absolute symlinks and all; EAGAIN: something was renamed meanwhile, try again
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fail.h"
#include "path_map.h"
#include "sysroot.h"
#include "watch.h"
#include "../init/lib/file.h"

#define OPEN_ATTEMPTS 100

int sysroot_open_root(struct sysroot *sysroot, const char *path)
{
	CLEANUP(sysroot_close) struct sysroot opened = SYSROOT_EMPTY;
	int probe;

	opened.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (opened.fd < 0)
		return fail(-errno, "cannot open the root '%s'", path);
	opened.path = strdup(path);
	opened.known = calloc(1, sizeof(*opened.known));
	if (!opened.path || !opened.known)
		return fail(-ENOMEM, "cannot open the root '%s'", path);
	probe = sysroot_open(&opened, "/", O_PATH | O_DIRECTORY);
	if (probe == -ENOSYS)
		return fail(probe,
			    "cannot look into the root '%s' safely; this needs openat2(2) "
			    "(Linux 5.6)",
			    path);
	if (probe < 0)
		return fail(probe, "cannot look into the root '%s'", path);
	fd_close(&probe);
	*sysroot = opened;
	opened = SYSROOT_EMPTY;
	return 0;
}

void sysroot_close(struct sysroot *sysroot)
{
	fd_close(&sysroot->fd);
	memory_free(&sysroot->path);
	if (sysroot->known)
		path_map_free(sysroot->known);
	memory_free(&sysroot->known);
}

bool sysroot_is_running(const struct sysroot *sysroot)
{
	struct stat ours, theirs;

	return stat("/", &ours) == 0 && sysroot_stat(sysroot, "/", true, &theirs) == 0 &&
	       ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

int sysroot_open(const struct sysroot *sysroot, const char *path, int flags)
{
	const struct open_how how = {
		.flags = (unsigned)(flags | O_CLOEXEC) | (flags & O_PATH ? 0u : (unsigned)O_NOCTTY),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	for (int attempt = 1;; attempt++) {
		long fd = syscall(SYS_openat2, sysroot->fd, path, &how, sizeof(how));

		if (fd < 0 && (errno == EINTR || (errno == EAGAIN && attempt < OPEN_ATTEMPTS)))
			continue;
		fd = fd < 0 ? -errno : fd;
		if (sysroot->watch)
			watch_opened(sysroot->watch, path, flags, (int)fd);
		return (int)fd;
	}
}

int sysroot_stat(const struct sysroot *sysroot, const char *path, bool follow, struct stat *ret)
{
	CLEANUP(fd_close)
	int fd = sysroot_open(sysroot, path, follow ? O_PATH : O_PATH | O_NOFOLLOW);

	if (fd < 0)
		return fd;
	return fstat(fd, ret) < 0 ? -errno : 0;
}

int sysroot_readlink(const struct sysroot *sysroot, const char *path, char **ret_target)
{
	CLEANUP(fd_close) int fd = sysroot_open(sysroot, path, O_PATH | O_NOFOLLOW);
	char target[PATH_MAX];
	struct stat status;
	ssize_t length;
	char *copy;

	if (fd < 0)
		return fd;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISLNK(status.st_mode))
		return -EINVAL;
	/* no symlink's content is longer: the kernel refuses to make one */
	length = readlinkat(fd, "", target, sizeof(target));
	if (length < 0)
		return -errno;
	copy = strndup(target, (size_t)length);
	if (!copy)
		return -ENOMEM;
	*ret_target = copy;
	return 0;
}

int sysroot_opendir(const struct sysroot *sysroot, const char *path, DIR **ret_directory)
{
	CLEANUP(fd_close) int fd = sysroot_open(sysroot, path, O_RDONLY | O_DIRECTORY);
	DIR *directory;

	if (fd < 0)
		return fd;
	directory = fdopendir(fd);
	if (!directory)
		return -errno;
	(void)fd_take(&fd);
	*ret_directory = directory;
	return 0;
}

int sysroot_read(const struct sysroot *sysroot, const char *path, size_t limit, struct text *text)
{
	/* O_NONBLOCK: a FIFO in the place of a file must not hang us */
	CLEANUP(fd_close) int fd = sysroot_open(sysroot, path, O_RDONLY | O_NONBLOCK);

	return fd < 0 ? fd : file_read_fd(fd, limit, text);
}

int sysroot_proc_path(int fd, char **ret_path)
{
	char *path;

	if (asprintf(&path, "/proc/self/fd/%d", fd) < 0)
		return -ENOMEM;
	*ret_path = path;
	return 0;
}

/* glob(3) calls back without a context: the root that this thread looks into, and why it failed */
static _Thread_local const struct sysroot *glob_root;

static void *glob_opendir(const char *path)
{
	DIR *directory = NULL;
	int r = sysroot_opendir(glob_root, path, &directory);

	if (r < 0)
		errno = -r;
	return directory;
}

static struct dirent *glob_readdir(void *directory)
{
	return readdir(directory);
}

static void glob_closedir(void *directory)
{
	(void)closedir(directory);
}

static int glob_status(const char *path, bool follow, struct stat *ret)
{
	int r = sysroot_stat(glob_root, path, follow, ret);

	if (r < 0)
		errno = -r;
	return r < 0 ? -1 : 0;
}

static int glob_stat(const char *restrict path, struct stat *restrict ret)
{
	return glob_status(path, true, ret);
}

static int glob_lstat(const char *restrict path, struct stat *restrict ret)
{
	return glob_status(path, false, ret);
}

int sysroot_glob(const struct sysroot *sysroot, const char *pattern, struct strings *ret_paths)
{
	glob_t found = {
		.gl_opendir = glob_opendir,
		.gl_readdir = glob_readdir,
		.gl_closedir = glob_closedir,
		.gl_stat = glob_stat,
		.gl_lstat = glob_lstat,
	};
	int result, r = 0;

	if (pattern[0] != '/')
		return -EINVAL;
	glob_root = sysroot;
	/* sorted by us: glob(3) sorts by the locale */
	result = glob(pattern, GLOB_ALTDIRFUNC | GLOB_BRACE | GLOB_NOSORT, NULL, &found);
	glob_root = NULL;
	if (result == GLOB_NOSPACE)
		r = -ENOMEM;
	else if (result == GLOB_ABORTED)
		r = -EIO;
	for (size_t i = 0; r == 0 && result == 0 && i < found.gl_pathc; i++)
		r = strings_add(ret_paths, found.gl_pathv[i]);
	globfree(&found);
	if (r == 0)
		strings_sort(ret_paths, true);
	return r;
}
