/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extract_folder.c - modes, owners and times of directories, which are set when all is in them
 *
 * In:    directories as extract.c makes them
 * Out:   their attributes, children before parents
 * Not:   the directories themselves (extract.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "extract_folder.h"
#include "fail.h"

struct folder {
	char *path;
	mode_t mode;
	uint32_t uid, gid;
	int64_t mtime;
	struct folder *before;
};

static void folder_free(void *value)
{
	struct folder *folder = value;

	free(folder->path);
	free(folder);
}

int extract_remember(struct extraction *extraction, const struct image_entry *entry)
{
	struct folder *folder = path_map_get(&extraction->folders, entry->path);

	if (!folder) {
		folder = calloc(1, sizeof(*folder));
		if (folder)
			folder->path = strdup(entry->path);
		if (!folder || !folder->path ||
		    path_map_put(&extraction->folders, entry->path, folder, folder_free) < 0) {
			if (folder)
				folder_free(folder);
			return -ENOMEM;
		}
		folder->before = extraction->last_folder;
		extraction->last_folder = folder;
	}
	folder->mode = entry->mode;
	folder->uid = entry->uid;
	folder->gid = entry->gid;
	folder->mtime = entry->mtime;
	return 0;
}

static int finish_folder(struct extraction *extraction, const struct folder *folder)
{
	CLEANUP(fd_close) int fd = -1;
	const char *name;
	int parent_fd = beneath_parent(&extraction->beneath, folder->path, &name);
	int r = parent_fd < 0 ? parent_fd : 0;

	if (r == 0) {
		fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = fd < 0 ? -errno : 0;
	}
	if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
		return 0; /* a later entry has replaced it */
	if (r == 0)
		r = extract_attributes(extraction, fd, folder->mode, folder->uid, folder->gid,
				       folder->mtime);
	return r < 0 ? extract_speak(folder->path, r) : 0;
}

/* children before their parents, which may take the right to write away */
static int folder_order(const void *left, const void *right)
{
	const struct folder *const *a = left, *const *b = right;

	return strcmp((*b)->path, (*a)->path);
}

int extract_finish(struct extraction *extraction)
{
	CLEANUP(memory_free) struct folder **folders = NULL;
	size_t count = 0;
	int r = 0;

	for (struct folder *folder = extraction->last_folder; folder; folder = folder->before)
		count++;
	folders = calloc(count + 1, sizeof(struct folder *));
	if (!folders)
		return fail(-ENOMEM, "cannot set the modes of directories");
	count = 0;
	for (struct folder *folder = extraction->last_folder; folder; folder = folder->before)
		folders[count++] = folder;
	qsort(folders, count, sizeof(struct folder *), folder_order);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = finish_folder(extraction, folders[i]);
	return r;
}
