/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scratch.h - a temporary directory that a test fills with a root, and what it printed to stderr
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "init/lib/file.h"

struct scratch {
	char path[64]; /* "/tmp/mkinitrd-test-XXXXXX" */
	int stderr_fd; /* while it is captured, else -1 */
	int capture_fd;
};

static inline int scratch_remove_one(const char *path, const struct stat *status UNUSED,
				     int kind UNUSED, struct FTW *walk UNUSED)
{
	return remove(path);
}

static inline int scratch_setup(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));

	assert_non_null(scratch);
	(void)snprintf(scratch->path, sizeof(scratch->path), "/tmp/mkinitrd-test-XXXXXX");
	assert_non_null(mkdtemp(scratch->path));
	scratch->stderr_fd = -1;
	(void)umask(022);
	*state = scratch;
	return 0;
}

/* everything below @path, which stays */
static inline void scratch_empty(const struct scratch *scratch)
{
	(void)nftw(scratch->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	assert_int_equal(mkdir(scratch->path, 0755), 0);
}

static inline int scratch_teardown(void **state)
{
	struct scratch *scratch = *state;

	(void)nftw(scratch->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(scratch);
	return 0;
}

/* the path of @name in the scratch directory, its folders made; valid until the next call */
static inline const char *scratch_path(const struct scratch *scratch, const char *name)
{
	static char path[512];
	char *slash;

	assert_true(snprintf(path, sizeof(path), "%s/%s", scratch->path, name) < (int)sizeof(path));
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(directory_make(path, 0755), 0);
	*slash = '/';
	return path;
}

static inline void scratch_file(const struct scratch *scratch, const char *name,
				const char *content, mode_t mode)
{
	const char *path = scratch_path(scratch, name);

	assert_int_equal(file_write(AT_FDCWD, path, content, 0644), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static inline void scratch_bytes(const struct scratch *scratch, const char *name, const void *bytes,
				 size_t count)
{
	int fd = open(scratch_path(scratch, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, bytes, count), 0);
	fd_close(&fd);
}

static inline void scratch_link(const struct scratch *scratch, const char *name, const char *target)
{
	assert_int_equal(symlink(target, scratch_path(scratch, name)), 0);
}

static inline void scratch_capture(struct scratch *scratch)
{
	(void)fflush(stderr);
	scratch->stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	scratch->capture_fd = memfd_create("stderr", MFD_CLOEXEC);
	assert_true(scratch->stderr_fd >= 0 && scratch->capture_fd >= 0);
	assert_true(dup2(scratch->capture_fd, STDERR_FILENO) >= 0);
}

/* what was printed since scratch_capture(), the scratch directory's own name as "SCRATCH" */
static inline void scratch_captured(struct scratch *scratch, struct text *text)
{
	CLEANUP(text_free) struct text raw = TEXT_EMPTY;
	const char *at, *hit;

	(void)fflush(stderr);
	assert_true(dup2(scratch->stderr_fd, STDERR_FILENO) >= 0);
	fd_close(&scratch->stderr_fd);
	assert_int_equal(lseek(scratch->capture_fd, 0, SEEK_SET), 0);
	assert_int_equal(file_read_fd(scratch->capture_fd, 1 << 20, &raw), 0);
	fd_close(&scratch->capture_fd);
	for (at = text_string(&raw); (hit = strstr(at, scratch->path));
	     at = hit + strlen(scratch->path)) {
		text_add_bytes(text, at, (size_t)(hit - at));
		text_add(text, "SCRATCH");
	}
	text_add(text, at);
}

/* messages of thousands of calls that fail on purpose would hide the one that matters */
static inline int silence(void)
{
	int saved = dup(STDERR_FILENO);
	CLEANUP(fd_close) int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)dup2(null_fd, STDERR_FILENO);
	return saved;
}

static inline void speak_again(int saved)
{
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
}
