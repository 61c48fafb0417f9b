/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aside.c - a file that would stop Docker is set aside, never deleted
 *
 * In:    a path
 * Out:   another name for it
 * Not:   which files (docker_state.c, agent_settings.c)
 * Facts: RENAME_NOREPLACE is not for every file system, EINVAL says: rename(2)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "aside.h"

#define MOST_ASIDE 100
#define MOST_NAMES 1000

bool is_there(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0;
}

bool is_regular(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISREG(status.st_mode);
}

static int rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (faccessat(AT_FDCWD, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return rename(from, to) < 0 ? -errno : 0;
}

int aside_move(const char *path, struct text *ret_to)
{
	int r = -EEXIST;

	for (int i = 1; r == -EEXIST && i <= MOST_ASIDE; i++) {
		text_clear(ret_to);
		text_format(ret_to, "%s.set-aside", path);
		if (i > 1)
			text_format(ret_to, "-%d", i);
		r = ret_to->failed ? -ENOMEM : rename_new(path, text_string(ret_to));
	}
	return r;
}

void names_in(const char *directory, struct strings *ret_names)
{
	CLEANUP(directory_close) DIR *stream = opendir(directory);
	const struct dirent *entry;

	while (stream && ret_names->count < MOST_NAMES && (entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			(void)strings_add(ret_names, entry->d_name);
	strings_sort(ret_names, true);
}
