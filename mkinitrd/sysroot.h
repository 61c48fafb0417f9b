/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sysroot.h - look at files below a root directory and never leave it
 *
 * All paths are absolute as seen inside the root, and are resolved with openat2(2) and
 * RESOLVE_IN_ROOT, so that symlinks and ".." stop at the root. Quiet unless said otherwise.
 */
#pragma once

#include <dirent.h>
#include <sys/stat.h>

#include "../init/lib/text.h"

struct path_map;
struct watch;

struct sysroot {
	int fd;                 /* O_PATH of the root directory */
	char *path;             /* as the user gave it, for messages only */
	struct path_map *known; /* what sysroot_canonical() met: for one thread; may be NULL */
	struct watch *watch;    /* notes what is looked at (watch.h); NULL: nobody does */
};

#define SYSROOT_EMPTY ((struct sysroot){ .fd = -1 })

/** sysroot_open_root() - open the root itself; speaks */
int sysroot_open_root(struct sysroot *sysroot, const char *path);
void sysroot_close(struct sysroot *sysroot);

/** sysroot_is_running() - is it the root of the system that runs here? */
bool sysroot_is_running(const struct sysroot *sysroot);

/** sysroot_open() - like open(2), following symlinks inside the root. Return: fd or -errno */
int sysroot_open(const struct sysroot *sysroot, const char *path, int flags);

/** sysroot_stat() - like stat(2), or lstat(2) when @follow is false (the last component only) */
int sysroot_stat(const struct sysroot *sysroot, const char *path, bool follow, struct stat *ret);

/** sysroot_readlink() - the target of a symlink, as it stands; the caller frees it */
int sysroot_readlink(const struct sysroot *sysroot, const char *path, char **ret_target);

/** sysroot_opendir() - the caller closes it */
int sysroot_opendir(const struct sysroot *sysroot, const char *path, DIR **ret_directory);

/** sysroot_read() - a whole small file, appended to @text; -EFBIG over @limit bytes */
int sysroot_read(const struct sysroot *sysroot, const char *path, size_t limit, struct text *text);

/**
 * sysroot_canonical() - the path of the object itself: every symlink resolved, no "." or ".."
 * @links: when not NULL, gets "LINK" and "TARGET" alternately for each symlink met on the way:
 *         LINK is the symlink's own canonical path, TARGET its content as it stands
 *
 * The last component need not exist (missing parents neither); what does not exist is taken
 * literally. Return: 0, -ELOOP after 40 symlinks, -ENOTDIR below what is no directory, or another
 * negative errno.
 */
int sysroot_canonical(const struct sysroot *sysroot, const char *path, char **ret_path,
		      struct strings *links);

/**
 * sysroot_glob() - paths in the root that match @pattern (glob(7), with {a,b} braces), sorted
 *
 * Return: 0 also when nothing matches.
 */
int sysroot_glob(const struct sysroot *sysroot, const char *pattern, struct strings *ret_paths);

/** sysroot_proc_path() - "/proc/self/fd/N" for libraries that want a path; @fd stays open */
int sysroot_proc_path(int fd, char **ret_path);
