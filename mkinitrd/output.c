/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c - a file that appears whole or not at all (see output.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "fail.h"
#include "output.h"
#include "progress.h"
#include "temporary.h"
#include "../init/lib/file.h"

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

/* What the signal handler needs: it has no other way to know. Set while the signals are blocked. */
struct place {
	int directory_fd;
	char temporary[NAME_MAX + 1]; /* empty: nothing to remove */
};

static struct {
	struct place places[OUTPUTS_MOST];
	struct sigaction before[COUNT_OF(signals)];
	struct sigaction before_size; /* of SIGXFSZ */
} interrupted;

/* only async-signal-safe calls; SA_RESETHAND made the signal's action the default again, and it is
 * delivered once more when this returns */
static void on_signal(int number)
{
	int saved = errno;

	for (size_t i = 0; i < OUTPUTS_MOST; i++)
		if (interrupted.places[i].temporary[0])
			(void)unlinkat(interrupted.places[i].directory_fd,
				       interrupted.places[i].temporary, 0);
	progress_wipe();
	(void)raise(number);
	errno = saved;
}

static void signals_block(sigset_t *ret_before)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < COUNT_OF(signals); i++)
		(void)sigaddset(&set, signals[i]);
	(void)pthread_sigmask(SIG_BLOCK, &set, ret_before);
}

static bool has_places(void)
{
	for (size_t i = 0; i < OUTPUTS_MOST; i++)
		if (interrupted.places[i].temporary[0])
			return true;
	return false;
}

/* that of @output, or with NULL a free one */
static struct place *place_find(const struct output *output)
{
	const char *name = output ? output->temporary : "";
	size_t i = 0;

	while (i + 1 < OUTPUTS_MOST && !text_equal(interrupted.places[i].temporary, name))
		i++;
	return &interrupted.places[i];
}

static void handlers_set(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND };
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	for (size_t i = 0; i < COUNT_OF(signals); i++) {
		(void)sigaction(signals[i], NULL, &interrupted.before[i]);
		if (interrupted.before[i].sa_handler != SIG_IGN) /* nohup */
			(void)sigaction(signals[i], &action, NULL);
	}
	/* over "ulimit -f": EFBIG from write(2) instead of a silent end */
	(void)sigaction(SIGXFSZ, &ignore, &interrupted.before_size);
}

/* the file of @output is no longer to be removed; after the last one all is as it was */
static void handlers_restore(const struct output *output)
{
	place_find(output)->temporary[0] = '\0';
	if (has_places())
		return;
	for (size_t i = 0; i < COUNT_OF(signals); i++)
		(void)sigaction(signals[i], &interrupted.before[i], NULL);
	(void)sigaction(SIGXFSZ, &interrupted.before_size, NULL);
}

#define SYMLINKS_MOST 40 /* as the kernel: path_resolution(7) */

/* where a symlink at the end of @path leads, whether or not there is anything; quiet */
static int follow(const char *path, char **ret_target)
{
	CLEANUP(memory_free) char *target = strdup(path);

	for (unsigned links = 0; links <= SYMLINKS_MOST; links++) {
		char content[PATH_MAX], *next;
		ssize_t length;
		const char *slash;

		if (!target)
			return -ENOMEM;
		length = readlink(target, content, sizeof(content) - 1);
		if (length < 0) { /* no symlink, or nothing at all */
			*ret_target = text_pointer_take(&target);
			return 0;
		}
		content[length] = '\0';
		slash = *content == '/' ? NULL : strrchr(target, '/');
		if (asprintf(&next, "%.*s%s", slash ? (int)(slash + 1 - target) : 0, target,
			     content) < 0)
			return -ENOMEM;
		free(target);
		target = next;
	}
	return -ELOOP;
}

/* the directory that the target lies in, and its name there */
static int open_directory(struct output *output, const char *path)
{
	CLEANUP(memory_free) char *target = NULL;
	const char *slash, *name;
	CLEANUP(memory_free) char *directory = NULL;
	struct stat status = { 0 };
	int r;

	/* asked first: the kernel does not follow every symlink (proc_sys_fs(5),
	 * protected_symlinks) */
	if (stat(path, &status) < 0 && errno != ENOENT)
		return fail(-errno, "cannot write '%s'", path);
	if (S_ISDIR(status.st_mode))
		return fail(0, "cannot write '%s': it is a directory; give a file name with -o",
			    path);
	r = follow(path, &target);
	if (r < 0)
		return fail(r, "cannot write '%s'", path);
	slash = strrchr(target, '/');
	name = slash ? slash + 1 : target;
	if (!*name || text_equal(name, ".") || text_equal(name, ".."))
		return fail(0, "'%s' is no name for a file", path);
	if (slash == target)
		directory = strdup("/");
	else
		directory = slash ? strndup(target, (size_t)(slash - target)) : strdup(".");
	output->path = strdup(path);
	output->name = strdup(name);
	if (!directory || !output->path || !output->name)
		return fail(-ENOMEM, "cannot write '%s'", path);
	output->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (output->directory_fd < 0)
		return fail(-errno, "cannot write '%s': its directory '%s'", path, directory);
	return 0;
}

/* only a regular file is replaced */
static int check_target(struct output *output)
{
	struct stat status;

	if (fstatat(output->directory_fd, output->name, &status, 0) < 0)
		return errno == ENOENT ? 0 : fail(-errno, "cannot write '%s'", output->path);
	if (!S_ISREG(status.st_mode))
		return fail(0, "cannot write '%s': it is no regular file", output->path);
	output->replaced = status;
	return 0;
}

/* a file that was left behind when its process was killed: the kernel has let go of the lock */
static void collect(void *context, const char *name)
{
	const struct output *output = context;
	CLEANUP(fd_close)
	int fd = openat(output->directory_fd, name,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	if (unlinkat(output->directory_fd, name, 0) == 0)
		note("removed '%s', which a build that was killed has left beside '%s'", name,
		     output->path);
}

/* locked as long as we live. Another build may take it for left behind in the moment before it is
 * locked: then it is gone */
static bool is_ours(int fd)
{
	struct stat status;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return false;
	return fstat(fd, &status) < 0 || status.st_nlink > 0;
}

/* ".NAME.XXXXXX" */
static int make_temporary(struct output *output)
{
	struct place *place = place_find(NULL);
	CLEANUP(text_free) struct text name = TEXT_EMPTY;
	int r;

	for (int tries = 0; tries < 100; tries++) {
		r = temporary_name(output->name, &name);
		if (r < 0)
			return r;
		output->fd = openat(output->directory_fd, text_string(&name),
				    O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (output->fd >= 0 ? is_ours(output->fd) : errno != EEXIST)
			break;
		fd_close(&output->fd);
	}
	if (output->fd < 0)
		return -errno;
	/* the handler's copy first: it is what must not be missed */
	(void)snprintf(place->temporary, sizeof(place->temporary), "%s", text_string(&name));
	place->directory_fd = output->directory_fd;
	r = text_take(&name, &output->temporary);
	if (r < 0) {
		(void)unlinkat(output->directory_fd, place->temporary, 0);
		place->temporary[0] = '\0';
	} else if (fchmod(output->fd, 0600) < 0) { /* the umask may have taken bits away */
		r = -errno;
	}
	return r;
}

int output_open(struct output *output, const char *path)
{
	bool is_first = !has_places();
	sigset_t before;
	int r;

	r = open_directory(output, path);
	if (r == 0)
		r = check_target(output);
	if (r < 0)
		return r;
	temporary_each(output->directory_fd, output->name, collect, output);
	signals_block(&before);
	r = make_temporary(output);
	if (output->temporary && is_first)
		handlers_set();
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r < 0 ? fail(r, "cannot make a file beside '%s'", path) : 0;
}

int output_open_stdout(struct output *output)
{
	const char *folders[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };

	output->path = strdup("standard output");
	if (!output->path)
		return fail(-ENOMEM, "cannot write");
	if (isatty(STDOUT_FILENO))
		return fail(0, "standard output is a terminal; lead it elsewhere, or give a file "
			       "with -o");
	for (size_t i = 0; i < COUNT_OF(folders) && output->fd < 0; i++) {
		if (!folders[i] || folders[i][0] != '/')
			continue;
		output->fd = open(folders[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (output->fd >= 0)
			output->directory_fd = open(folders[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
	}
	return output->fd < 0 ? fail(-errno, "cannot make a temporary file; name a place with "
					     "TMPDIR")
			      : 0;
}

/* all of the file to standard output */
static int copy_out(const struct output *output)
{
	char bytes[65536];
	ssize_t count;
	int r = lseek(output->fd, 0, SEEK_SET) < 0 ? -errno : 0;

	while (r == 0 && (count = read(output->fd, bytes, sizeof(bytes))) != 0)
		r = count < 0 ? -errno : file_write_fd(STDOUT_FILENO, bytes, (size_t)count);
	return r < 0 ? fail(r, "cannot write to standard output") : 0;
}

uint64_t output_free_bytes(const struct output *output)
{
	struct statvfs status;
	uint64_t bytes;

	/* no blocks at all: a file system that does not count them, such as ramfs */
	if (fstatvfs(output->directory_fd, &status) < 0 || status.f_blocks == 0 ||
	    __builtin_mul_overflow(status.f_bavail, status.f_frsize, &bytes))
		return UINT64_MAX;
	return bytes;
}

bool output_replaces(const struct output *output, const struct stat *status)
{
	/* no regular file has inode number 0 */
	return output->replaced.st_ino != 0 && output->replaced.st_ino == status->st_ino &&
	       output->replaced.st_dev == status->st_dev;
}

int output_publish(struct output *output)
{
	sigset_t before;
	int r = 0;

	if (!output->name)
		return copy_out(output);
	if (fsync(output->fd) < 0)
		return fail(-errno, "cannot write '%s'", output->path);
	signals_block(&before); /* the name changes and its removal is called off in one go */
	if (renameat(output->directory_fd, output->temporary, output->directory_fd, output->name) <
	    0)
		r = -errno;
	if (r == 0) {
		handlers_restore(output);
		memory_free(&output->temporary);
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return fail(r, "cannot rename the finished image to '%s'", output->path);
	if (fsync(output->directory_fd) < 0)
		return fail(-errno, "'%s' is written, but its directory may not be on disk yet",
			    output->path);
	return 0;
}

void output_close(struct output *output)
{
	sigset_t before;

	if (output->temporary) {
		signals_block(&before);
		(void)unlinkat(output->directory_fd, output->temporary, 0);
		handlers_restore(output);
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	memory_free(&output->temporary);
	memory_free(&output->name);
	memory_free(&output->path);
	fd_close(&output->fd);
	fd_close(&output->directory_fd);
}
