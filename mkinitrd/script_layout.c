/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script_layout.c - a manifest as files in a folder, and what is in that folder at one moment
 *
 * In:    entries of trees and files
 * Out:   a folder that scripts may change; lists of what is in it
 * Not:   running them (script_run.c), what they changed (resolve_scripts.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include "fail.h"
#include "script.h"

#define TARGET_MOST 4096

int layout_open(int fd, const char *path, int flags)
{
	const struct open_how how = {
		.flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int opened = (int)syscall(SYS_openat2, fd, path, &how, sizeof(how));

	return opened < 0 ? -errno : opened;
}

/* ---- the tree as files ---- */

/* all bytes of @from, holes left out */
static int copy_content(int from, int to)
{
	struct stat status;
	off_t data = 0, hole;

	if (fstat(from, &status) < 0 || ftruncate(to, status.st_size) < 0)
		return -errno;
	while (data < status.st_size && (data = lseek(from, data, SEEK_DATA)) >= 0) {
		hole = lseek(from, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		while (data < hole) {
			char bytes[65536];
			size_t wanted = (size_t)(hole - data) < sizeof(bytes)
						? (size_t)(hole - data)
						: sizeof(bytes);
			ssize_t count = pread(from, bytes, wanted, data);

			if (count <= 0)
				return count < 0 ? -errno : -ESTALE;
			if (pwrite(to, bytes, (size_t)count, data) != count)
				return errno ? -errno : -ENOSPC;
			data += count;
		}
	}
	return data < 0 && errno != ENXIO ? -errno : 0;
}

static int make_file(const struct entry *entry, int fd)
{
	CLEANUP(fd_close) int from = -1;
	CLEANUP(fd_close) int to = -1;
	int r;

	if (entry->link)
		return linkat(fd, entry->link->path, fd, entry->path, 0) < 0 ? -errno : 0;
	r = entry_open(entry, &from);
	if (r < 0)
		return r;
	to = openat(fd, entry->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return to < 0 ? -errno : copy_content(from, to);
}

static int make_entry(const struct entry *entry, int fd)
{
	switch (entry->type) {
	case ENTRY_FILE:
		return make_file(entry, fd);
	case ENTRY_DIRECTORY:
		return mkdirat(fd, entry->path, 0700) < 0 ? -errno : 0;
	case ENTRY_SYMLINK:
		return symlinkat(entry->target, fd, entry->path) < 0 ? -errno : 0;
	case ENTRY_FIFO:
		return mkfifoat(fd, entry->path, 0600) < 0 ? -errno : 0;
	case ENTRY_CHARACTER:
	case ENTRY_BLOCK:
		return 0;
	}
	return 0;
}

/* as far as it can be had: the manifest keeps the rest */
static int set_attributes(const struct entry *entry, int fd)
{
	CLEANUP(fd_close) int opened = -1;
	char path[32];

	if (entry->link || entry->type == ENTRY_CHARACTER || entry->type == ENTRY_BLOCK)
		return 0;
	/* one that the user namespace does not have stays ours in there; the manifest knows it */
	if (fchownat(fd, entry->path, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno != EINVAL && errno != EPERM)
		return -errno;
	if (entry->type == ENTRY_SYMLINK)
		return 0;
	if (fchmodat(fd, entry->path, entry->mode, 0) < 0)
		return -errno;
	if (entry->xattrs.count == 0)
		return 0;
	opened = layout_open(fd, entry->path, O_PATH);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", opened);
	for (size_t i = 0; opened >= 0 && i < entry->xattrs.count; i++)
		(void)setxattr(path, entry->xattrs.items[i].name, entry->xattrs.items[i].value,
			       entry->xattrs.items[i].size, 0);
	return 0;
}

int layout_make(const struct manifest *manifest, int fd)
{
	static const char *const folders[] = { "dev", "proc", "run", "sys", "tmp" };
	size_t count = manifest_count(manifest);
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct entry *entry = manifest_at(manifest, i);

		r = make_entry(entry, fd);
		if (r < 0)
			return fail(r, "cannot lay out '%s' for scripts", entry->path);
	}
	/* from the last to the first: a directory that lets nobody in is closed at the end */
	for (size_t i = count; r == 0 && i-- > 0;) {
		r = set_attributes(manifest_at(manifest, i), fd);
		if (r < 0)
			return fail(r, "cannot lay out '%s' for scripts",
				    manifest_at(manifest, i)->path);
	}
	for (size_t i = 0; i < COUNT_OF(folders); i++)
		(void)mkdirat(fd, folders[i], 0755);
	return 0;
}

/* ---- what is there ---- */

void sights_free(struct sights *sights)
{
	for (size_t i = 0; i < sights->count; i++) {
		free(sights->items[i].path);
		xattrs_free(&sights->items[i].xattrs);
	}
	free(sights->items);
	*sights = (struct sights){ 0 };
}

static int sights_add(struct sights *sights, int directory_fd, const char *folder, const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	struct sight *sight;

	if (sights->count == sights->allocated) {
		size_t more = sights->allocated ? sights->allocated * 2 : 1024;

		sight = reallocarray(sights->items, more, sizeof(*sight));
		if (!sight)
			return -ENOMEM;
		sights->items = sight;
		sights->allocated = more;
	}
	sight = &sights->items[sights->count];
	*sight = (struct sight){ 0 };
	text_format(&path, "%s%s%s", folder, *folder ? "/" : "", name);
	if (fstatat(directory_fd, name, &sight->status, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISREG(sight->status.st_mode) || S_ISDIR(sight->status.st_mode)) {
		int r;

		fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : xattrs_read(fd, &sight->xattrs);
		if (r < 0)
			return r;
	}
	if (text_take(&path, &sight->path) < 0)
		return -ENOMEM;
	sights->count++;
	return 0;
}

/* takes @fd over */
static int take_folder(struct sights *sights, int fd, const char *path)
{
	CLEANUP(directory_close) DIR *directory = fdopendir(fd);
	const struct dirent *child;
	int r = 0;

	if (!directory) {
		(void)close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (errno = 0, child = readdir(directory))) {
		CLEANUP(memory_free) char *below = NULL;
		int child_fd;

		if (text_equal(child->d_name, ".") || text_equal(child->d_name, ".."))
			continue;
		r = sights_add(sights, dirfd(directory), path, child->d_name);
		if (r < 0 || !S_ISDIR(sights->items[sights->count - 1].status.st_mode))
			continue;
		below = strdup(sights->items[sights->count - 1].path);
		child_fd = openat(dirfd(directory), child->d_name,
				  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = child_fd < 0 ? -errno : !below ? -ENOMEM : take_folder(sights, child_fd, below);
	}
	return r < 0 ? r : -errno;
}

static int sight_order(const void *left, const void *right)
{
	const struct sight *a = left, *b = right;

	return strcmp(a->path, b->path);
}

int sights_take(int fd, struct sights *ret)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = copy < 0 ? -errno : take_folder(ret, copy, "");

	if (r < 0)
		return fail(r, "cannot look at what scripts have changed");
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), sight_order);
	return 0;
}

int layout_target(int fd, const char *path, char **ret_target)
{
	char target[TARGET_MOST];
	ssize_t length = readlinkat(fd, path, target, sizeof(target));

	if (length < 0 || length == (ssize_t)sizeof(target))
		return length < 0 ? -errno : -ENAMETOOLONG;
	*ret_target = strndup(target, (size_t)length);
	return *ret_target ? 0 : -ENOMEM;
}
