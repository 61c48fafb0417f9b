/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sight.c - does what a build looked at still look so? (see sight.h)
 *
 * In:    a sight, a root
 * Out:   yes or no
 * Facts: ctime cannot be set back, so that a file of the same size and mtime that took another's
 *        place, or was written in place, shows; inode numbers may come again, times then do not.
 *        Device numbers are left out: those of some file systems change from boot to boot
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "container_archive.h"
#include "sight.h"

#define NANO 1000000000

void sight_take_status(struct sight *sight, const struct stat *status)
{
	sight->mode = status->st_mode;
	sight->uid = status->st_uid;
	sight->gid = status->st_gid;
	if (sight->kind != SIGHT_FILE && sight->kind != SIGHT_FOLDER)
		return;
	sight->inode = status->st_ino;
	sight->size = S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0;
	sight->mtime = status->st_mtim.tv_sec * NANO + status->st_mtim.tv_nsec;
	sight->ctime = status->st_ctim.tv_sec * NANO + status->st_ctim.tv_nsec;
}

static int sight_open(const struct sight *sight, const struct sysroot *root, int flags)
{
	struct sysroot unwatched = *root;
	int fd;

	unwatched.watch = NULL;
	if (!sight->is_host)
		return sysroot_open(&unwatched, sight->path, flags);
	fd = open(sight->path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* its status now. Return: 0 or -errno */
static int look(const struct sight *sight, const struct sysroot *root, struct stat *ret_status)
{
	int flags = O_PATH | (sight->kind == SIGHT_LINK ? O_NOFOLLOW : 0);
	CLEANUP(fd_close) int fd = -1;

	if (sight->is_host)
		return stat(sight->path, ret_status) < 0 ? -errno : 0;
	fd = sight_open(sight, root, flags);
	return fd < 0 ? fd : fstat(fd, ret_status) < 0 ? -errno : 0;
}

static int names_of(int *fd, struct text *ret_names)
{
	CLEANUP(directory_close) DIR *directory = fdopendir(*fd);
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	const struct dirent *child;

	if (!directory)
		return -errno;
	*fd = -1;
	while ((child = readdir(directory)) != NULL)
		if (strings_add(&names, child->d_name) < 0)
			return -ENOMEM;
	strings_sort(&names, false);
	for (size_t i = 0; i < names.count; i++)
		text_format(ret_names, "%s/", names.items[i]);
	return ret_names->failed ? -ENOMEM : 0;
}

static int hash(const struct sight *sight, const struct sysroot *root, char *ret_hex)
{
	CLEANUP(text_free) struct text names = TEXT_EMPTY;
	CLEANUP(memory_free) char *target = NULL;
	struct sysroot unwatched = *root;
	CLEANUP(fd_close) int fd = -1;
	int r;

	unwatched.watch = NULL;
	if (sight->kind == SIGHT_LINK) {
		r = sysroot_readlink(&unwatched, sight->path, &target);
		return r < 0 ? r : sha256_hex(target, strlen(target), ret_hex);
	}
	fd = sight_open(sight, root, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return fd;
	if (sight->kind == SIGHT_FILE)
		return sha256_hex_fd(fd, ret_hex);
	r = names_of(&fd, &names);
	return r < 0 ? r : sha256_hex(text_string(&names), names.length, ret_hex);
}

void sight_hash(struct sight *sight, const struct sysroot *root)
{
	char hex[SIGHT_HEX_SIZE];

	sight->sha256[0] = '\0';
	if (sight->kind != SIGHT_LOOK && sight->kind != SIGHT_ABSENT && hash(sight, root, hex) == 0)
		memcpy(sight->sha256, hex, sizeof(hex));
}

static bool is_same_status(const struct sight *a, const struct sight *b)
{
	return a->inode == b->inode && a->size == b->size && a->mtime == b->mtime &&
	       a->ctime == b->ctime;
}

bool sight_is_as_seen(const struct sight *sight, const struct sysroot *root)
{
	struct sight now = { .kind = sight->kind, .is_host = sight->is_host, .path = sight->path };
	struct stat status;

	if (look(sight, root, &status) < 0)
		return false;
	sight_take_status(&now, &status);
	return is_same_status(&now, sight);
}

bool sight_holds(struct sight *sight, const struct sysroot *root, bool *ret_is_renewed)
{
	struct sight now = { .kind = sight->kind, .is_host = sight->is_host, .path = sight->path };
	struct stat status;
	int r = look(sight, root, &status);

	if (sight->kind == SIGHT_ABSENT)
		return r == -ENOENT || r == -ENOTDIR;
	if (r < 0)
		return false;
	sight_take_status(&now, &status);
	if (now.mode != sight->mode || now.uid != sight->uid || now.gid != sight->gid)
		return false;
	if (sight->kind == SIGHT_LOOK)
		return true;
	if (sight->kind != SIGHT_LINK && is_same_status(&now, sight))
		return true;
	if (sight->kind == SIGHT_FILE && now.size != sight->size)
		return false;
	sight_hash(&now, root);
	if (!*sight->sha256 || !text_equal(now.sha256, sight->sha256))
		return false;
	if (sight->kind != SIGHT_LINK)
		*ret_is_renewed = true;
	*sight = now;
	return true;
}
