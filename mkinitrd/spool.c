/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.c - a private folder for what is unpacked on the way into an image (see spool.h)
 *
 * In:    bytes
 * Out:   files called 0, 1, 2, ... whatever their names in an archive are
 * Facts: signal(7): what is blocked stays so after fork(2); a pipe reads as ended when the last
 *        writer is gone, and kill -9 closes it as well
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "fail.h"
#include "spool.h"

#define FREE_LEAST ((uint64_t)64 << 20)
#define LOOK_EVERY ((uint64_t)16 << 20)
#define DEPTH_MOST 4096

static void remove_entry(int directory_fd, const char *name, dev_t device, unsigned depth);

static void remove_below(int directory_fd, dev_t device, unsigned depth)
{
	CLEANUP(directory_close) DIR *directory = fdopendir(directory_fd);
	const struct dirent *child;

	while (directory && (child = readdir(directory)))
		if (!text_equal(child->d_name, ".") && !text_equal(child->d_name, ".."))
			remove_entry(dirfd(directory), child->d_name, device, depth);
	if (!directory)
		(void)close(directory_fd);
}

/* the directory @name, which may let nobody in; a symlink is none */
static int open_for_removal(int directory_fd, const char *name)
{
	CLEANUP(fd_close)
	int path_fd = openat(directory_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[32];

	if (path_fd < 0)
		return -errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	(void)chmod(path, 0700);
	return openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void remove_entry(int directory_fd, const char *name, dev_t device, unsigned depth)
{
	struct stat status;
	int fd;

	if (unlinkat(directory_fd, name, 0) == 0 || depth > DEPTH_MOST)
		return;
	fd = open_for_removal(directory_fd, name);
	if (fd < 0)
		return;
	if (fstat(fd, &status) < 0 || status.st_dev != device)
		(void)close(fd);
	else
		remove_below(fd, device, depth + 1);
	(void)unlinkat(directory_fd, name, AT_REMOVEDIR);
}

void remove_all(int directory_fd)
{
	struct stat status;
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && fstat(fd, &status) == 0)
		remove_below(fd, status.st_dev, 0);
	else if (fd >= 0)
		(void)close(fd);
}

/* ---- the child that removes it ---- */

/* all signals are blocked in it: Ctrl-C goes to the whole group */
static _Noreturn void janitor(int life_fd, const char *path)
{
	char byte;
	int fd;

	(void)setsid();
	(void)prctl(PR_SET_NAME, "mkinitrd-spool");
	/* nothing of its parent's may stay open for it: pipes, locks */
	(void)dup2(life_fd, 0);
	(void)close_range(1, ~0u, 0);
	while (read(0, &byte, 1) < 0 && errno == EINTR)
		;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		remove_all(fd);
	(void)rmdir(path);
	_exit(0);
}

static int start_janitor(struct spool *spool)
{
	sigset_t all, before;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &before);
	spool->janitor = fork();
	if (spool->janitor == 0) {
		(void)close(ends[1]);
		janitor(ends[0], spool->path);
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)close(ends[0]);
	spool->life_fd = ends[1];
	return spool->janitor < 0 ? -errno : 0;
}

static int make_folder(const char *parent, char **ret_path)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, "%s/mkinitrd-XXXXXX", parent);
	if (path.failed)
		return -ENOMEM;
	if (!mkdtemp(path.data))
		return -errno;
	return text_take(&path, ret_path);
}

int spool_open(struct spool *spool)
{
	const char *const parents[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };
	const char *parent = NULL;
	int r = -ENOENT;

	for (size_t i = 0; i < COUNT_OF(parents) && r < 0; i++) {
		if (!parents[i] || parents[i][0] != '/')
			continue;
		parent = parents[i];
		r = make_folder(parent, &spool->path);
		if (i == 0)
			break; /* what was asked for, or nothing */
	}
	if (r < 0)
		return fail(r,
			    "cannot make a folder to unpack in below '%s'; name another one "
			    "with TMPDIR",
			    parent);
	r = start_janitor(spool);
	if (r < 0) {
		(void)rmdir(spool->path);
		memory_free(&spool->path);
		return fail(r, "cannot unpack trees");
	}
	spool->fd = open(spool->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return spool->fd < 0 ? fail(-errno, "cannot unpack in '%s'", spool->path) : 0;
}

void spool_close(struct spool *spool)
{
	fd_close(&spool->fd);
	fd_close(&spool->life_fd);
	if (spool->janitor > 0)
		while (waitpid(spool->janitor, NULL, 0) < 0 && errno == EINTR)
			;
	memory_free(&spool->path);
	*spool = SPOOL_EMPTY;
}

int spool_file(struct spool *spool, char **ret_name)
{
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	int fd;

	text_format(&name, "%llu", (unsigned long long)spool->names++);
	fd = openat(spool->fd, text_string(&name),
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (text_take(&name, ret_name) < 0) {
		(void)close(fd);
		return -ENOMEM;
	}
	return fd;
}

/* now and then: a disk filled to its last byte is somebody else's trouble, too */
static int look_at_space(struct spool *spool, size_t count)
{
	struct statvfs status;

	spool->written += count;
	if (spool->written < LOOK_EVERY)
		return 0;
	spool->written = 0;
	if (fstatvfs(spool->fd, &status) < 0)
		return 0;
	return (uint64_t)status.f_bavail * status.f_frsize < FREE_LEAST ? -ENOSPC : 0;
}

int spool_write(struct spool *spool, int fd, const void *bytes, size_t count, uint64_t offset)
{
	const char *at = bytes;
	int r = look_at_space(spool, count);

	while (r == 0 && count) {
		ssize_t written = pwrite(fd, at, count, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		at += written;
		count -= (size_t)written;
		offset += (uint64_t)written;
	}
	return r;
}
