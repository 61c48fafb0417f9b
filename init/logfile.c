/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logfile.c - a log file that never outgrows its limit (see logfile.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/text.h"
#include "logfile.h"

#define PATH_BYTES 4096
#define FILE_FLAGS (O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* step into @name below *fd, and make it when it is missing */
static int descend(int *fd, const char *name)
{
	int next;

	if (text_equal(name, ".."))
		return -EINVAL;
	if (mkdirat(*fd, name, 0755) < 0 && errno != EEXIST)
		return -errno;
	next = openat(*fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (next < 0)
		return -errno;
	fd_close(fd);
	*fd = next;
	return 0;
}

static int open_directory(const char *path, int *ret_fd)
{
	CLEANUP(fd_close) int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char copy[PATH_BYTES];
	char *rest = NULL, *slash;
	int r = fd < 0 ? -errno : 0;

	if (strlen(path) >= sizeof(copy))
		return -ENAMETOOLONG;
	memcpy(copy, path, strlen(path) + 1);
	slash = strrchr(copy, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	for (char *name = strtok_r(copy, "/", &rest); r == 0 && name;
	     name = strtok_r(NULL, "/", &rest))
		r = descend(&fd, name);
	if (r == 0)
		*ret_fd = fd_take(&fd);
	return r;
}

static int open_file(struct logfile *logfile)
{
	CLEANUP(fd_close) int fd = openat(logfile->directory_fd, logfile->name, FILE_FLAGS, 0600);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	logfile->size = (uint64_t)status.st_size;
	logfile->fd = fd_take(&fd);
	return 0;
}

int logfile_open(struct logfile *logfile, const char *path, uint64_t limit)
{
	int r;

	*logfile = LOGFILE_EMPTY;
	logfile->limit = limit;
	r = open_directory(path, &logfile->directory_fd);
	if (r < 0)
		return r;
	logfile->name = strrchr(path, '/') + 1;
	r = open_file(logfile);
	if (r < 0)
		logfile_close(logfile);
	return r;
}

static int rotate(struct logfile *logfile)
{
	char old[PATH_BYTES];

	if (snprintf(old, sizeof(old), "%s.old", logfile->name) >= (int)sizeof(old))
		return -ENAMETOOLONG;
	if (renameat(logfile->directory_fd, logfile->name, logfile->directory_fd, old) < 0)
		return -errno;
	fd_close(&logfile->fd);
	return open_file(logfile);
}

int logfile_write(struct logfile *logfile, const char *bytes, size_t count)
{
	int r = 0;

	if (logfile->fd < 0) /* a rotation that failed half-way */
		r = open_file(logfile);
	else if (logfile->size > 0 && logfile->size + count > logfile->limit / 2)
		r = rotate(logfile);
	while (r == 0 && count > 0) {
		ssize_t written = write(logfile->fd, bytes, count);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		logfile->size += (uint64_t)written;
		bytes += written;
		count -= (size_t)written;
	}
	return r;
}

void logfile_close(struct logfile *logfile)
{
	fd_close(&logfile->fd);
	fd_close(&logfile->directory_fd);
}
