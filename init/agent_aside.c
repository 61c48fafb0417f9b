/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_aside.c - a file that would stop Docker is set aside, never deleted
 *
 * In:    a path, the reason
 * Out:   another name for it, and a line that says so
 * Facts: RENAME_NOREPLACE is not for every file system, EINVAL says: rename(2)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent_aside.h"

#define MOST_ASIDE 100
#define MOST_NAMES 1000

void report(const char *kind, const char *format, ...)
{
	char line[600];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (char *at = line; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
	(void)printf("%s %s\n", kind, line);
}

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

int set_aside(const char *path, const char *why)
{
	int r = -EEXIST;

	for (int i = 1; r == -EEXIST && i <= MOST_ASIDE; i++) {
		CLEANUP(text_free) struct text to = TEXT_EMPTY;

		text_format(&to, "%s.set-aside", path);
		if (i > 1)
			text_format(&to, "-%d", i);
		if (to.failed)
			return -ENOMEM;
		r = rename_new(path, text_string(&to));
		if (r == 0)
			report("warn", "%s: %s; it is '%s' now", path, why, text_string(&to));
	}
	if (r < 0)
		report("warn", "%s: %s; it cannot be renamed: %s", path, why, strerror(-r));
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
