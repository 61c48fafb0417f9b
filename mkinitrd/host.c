/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.c - the host whose images are kept (see update.h)
 *
 * In:    its root
 * Out:   definitions, kernels, records; the lock of who changes them
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "fail.h"
#include "update.h"

#define LOCK_FILE STATE_FOLDER "/lock"

/* of another root, the folder as it is there: its symlinks are not this system's */
char *host_path(const struct host *host, const char *path)
{
	struct sysroot root = host->root;
	CLEANUP(memory_free) char *folder = NULL;
	CLEANUP(memory_free) char *inside = NULL;
	char *whole;

	if (!*host->prefix)
		return strdup(path);
	root.known = NULL; /* as it is now */
	folder = strndup(path, (size_t)(base_name(path) - path));
	if (!folder || sysroot_canonical(&root, folder, &inside, NULL) < 0)
		return NULL;
	return asprintf(&whole, "%s%s/%s", host->prefix, text_equal(inside, "/") ? "" : inside,
			base_name(path)) < 0
		       ? NULL
		       : whole;
}

/* what is written in another root must not lead out of it */
static int check_state_folder(const struct host *host)
{
	CLEANUP(memory_free) char *inside = NULL;
	int r = sysroot_canonical(&host->root, STATE_FOLDER, &inside, NULL);

	if (r < 0)
		return fail(r, "cannot look for '" STATE_FOLDER "' in '%s'", host->prefix);
	return text_equal(inside, STATE_FOLDER)
		       ? 0
		       : fail(-ELOOP,
			      "'" STATE_FOLDER "' of '%s' leads through a symlink to '%s'; run "
			      "mkinitrd by chroot there",
			      host->prefix, inside);
}

static int open_root(struct host *host, const char *root)
{
	int r;

	host->prefix = root && !text_equal(root, "/") ? root : "";
	r = sysroot_open_root(&host->root, root ? root : "/");
	return r < 0 || !*host->prefix ? r : check_state_folder(host);
}

/* the file stays: who waits for it and who comes later must mean the same one */
static int lock(struct host *host)
{
	CLEANUP(memory_free) char *folder = host_path(host, STATE_FOLDER);
	CLEANUP(memory_free) char *path = host_path(host, LOCK_FILE);
	int r = folder && path ? state_folder_make(folder) : -ENOMEM;

	if (r < 0)
		return fail(r, "cannot make '%s', where images are recorded", folder ? folder : "");
	host->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (host->lock_fd < 0)
		return fail(-errno, "cannot open '%s'", path);
	if (flock(host->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK) {
		say("another mkinitrd is at work on these images; waiting for it");
		while (flock(host->lock_fd, LOCK_EX) < 0)
			if (errno != EINTR)
				return fail(-errno, "cannot lock '%s'", path);
		return 0;
	}
	return fail(-errno, "cannot lock '%s'", path);
}

static int load(struct host *host)
{
	struct timespec now;
	int r;

	/* files have the time of this clock */
	(void)clock_gettime(CLOCK_REALTIME_COARSE, &now);
	host->since = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	r = definitions_load(&host->root, &host->definitions);
	if (r == 0)
		r = host_kernels_list(&host->root, &host->kernels);
	if (r == 0)
		r = records_load(&host->root, &host->records);
	return r;
}

int host_open(struct host *host, const char *root)
{
	int r = open_root(host, root);

	return r < 0 ? r : load(host);
}

int host_open_locked(struct host *host, const char *root)
{
	int r = open_root(host, root);

	if (r == 0)
		r = lock(host);
	return r < 0 ? r : load(host);
}

void host_close(struct host *host)
{
	records_free(&host->records);
	definitions_free(&host->definitions);
	host_kernels_free(&host->kernels);
	sysroot_close(&host->root);
	fd_close(&host->lock_fd);
}
