/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_use.c - who uses a block device
 *
 * In:    its numbers
 * Out:   mounts, swaps and devices on top, of it and its partitions; for people
 * Not:   a guarantee: that is O_EXCL
 * Facts: proc(5): mountinfo's third field is the device's numbers, the fourth the mount's root in
 *        its file system, the fifth the mount point, with octal escapes; /sys/dev/block/M:N is the
 *        device's folder, which holds "holders" and a folder for each partition
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "disk_use.h"
#include "../init/lib/file.h"
#include "../init/lib/number.h"

#define TABLE_MOST ((size_t)4 << 20)

/* @name: of a disk or partition, as in /dev */
typedef void visit_function(const char *name, unsigned major, unsigned minor, void *context);

static bool read_numbers(int folder_fd, const char *name, unsigned *ret_major, unsigned *ret_minor)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(memory_free) char *line = NULL;

	text_format(&path, "%s/dev", name);
	return file_read_line(folder_fd, text_string(&path), &line) == 0 &&
	       sscanf(line, "%u:%u", ret_major, ret_minor) == 2;
}

static DIR *open_folder(unsigned major, unsigned minor, const char *below)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, "/sys/dev/block/%u:%u%s", major, minor, below);
	return opendir(text_string(&path));
}

/* the disk itself, and its partitions */
static void visit(unsigned major, unsigned minor, visit_function *function, void *context)
{
	CLEANUP(directory_close) DIR *folder = open_folder(major, minor, "");
	CLEANUP(text_free) struct text link = TEXT_EMPTY;
	char target[1024] = "";
	const struct dirent *item;

	text_format(&link, "/sys/dev/block/%u:%u", major, minor);
	if (readlink(text_string(&link), target, sizeof(target) - 1) > 0)
		function(base_name(target), major, minor, context);
	while (folder && (item = readdir(folder)) != NULL) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		unsigned part_major, part_minor;

		text_format(&path, "%s/partition", item->d_name);
		if (item->d_name[0] != '.' &&
		    faccessat(dirfd(folder), text_string(&path), F_OK, 0) == 0 &&
		    read_numbers(dirfd(folder), item->d_name, &part_major, &part_minor))
			function(item->d_name, part_major, part_minor, context);
	}
}

struct search {
	unsigned number;
	char *name;
	unsigned major, minor;
};

static void match_number(const char *name, unsigned major, unsigned minor, void *context)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(memory_free) char *line = NULL;
	struct search *search = context;
	uint64_t number;

	text_format(&path, "/sys/dev/block/%u:%u/partition", major, minor);
	if (search->name || file_read_line(AT_FDCWD, text_string(&path), &line) < 0 ||
	    number_parse(line, &number) < 0 || number != search->number)
		return;
	search->name = strdup(name);
	search->major = major;
	search->minor = minor;
}

int disk_use_partition(unsigned major, unsigned minor, unsigned number, char **ret_name,
		       unsigned *ret_major, unsigned *ret_minor)
{
	struct search search = { .number = number };

	visit(major, minor, match_number, &search);
	if (!search.name)
		return -ENOENT;
	*ret_name = search.name;
	*ret_major = search.major;
	*ret_minor = search.minor;
	return 0;
}

/* "\040" and the like */
static void unescape(char *path)
{
	char *to = path;

	for (const char *at = path; *at; to++) {
		unsigned code;

		if (at[0] == '\\' && sscanf(at + 1, "%3o", &code) == 1) {
			*to = (char)code;
			at += 4;
		} else {
			*to = *at++;
		}
	}
	*to = '\0';
}

/* the mounts of a device; @wants_root: only those of its file system's root. The last one is what
 * is seen at its path */
static char *find_mount(unsigned major, unsigned minor, bool wants_root)
{
	CLEANUP(text_free) struct text table = TEXT_EMPTY;
	CLEANUP(text_free) struct text numbers = TEXT_EMPTY;
	char *line, *rest, *found = NULL;

	text_format(&numbers, "%u:%u", major, minor);
	if (file_read(AT_FDCWD, "/proc/self/mountinfo", TABLE_MOST, &table) < 0 || !table.data)
		return NULL;
	rest = table.data;
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *fields[5] = { 0 };

		for (size_t i = 0; i < COUNT_OF(fields); i++)
			fields[i] = strsep(&line, " ");
		if (!fields[4] || !text_equal(fields[2], text_string(&numbers)) ||
		    (wants_root && !text_equal(fields[3], "/")))
			continue;
		free(found);
		found = strdup(fields[4]);
	}
	if (found)
		unescape(found);
	return found;
}

int disk_use_mount_point(unsigned major, unsigned minor, char **ret_path)
{
	*ret_path = find_mount(major, minor, true);
	return *ret_path ? 0 : -ENOENT;
}

static bool is_swap(unsigned major, unsigned minor)
{
	CLEANUP(text_free) struct text table = TEXT_EMPTY;
	char *line, *rest;

	if (file_read(AT_FDCWD, "/proc/swaps", TABLE_MOST, &table) < 0 || !table.data)
		return false;
	rest = table.data;
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *path = strsep(&line, " \t");
		struct stat status;

		unescape(path);
		if (path[0] == '/' && stat(path, &status) == 0 && S_ISBLK(status.st_mode) &&
		    status.st_rdev == makedev(major, minor))
			return true;
	}
	return false;
}

static void describe(const char *name, unsigned major, unsigned minor, void *context)
{
	CLEANUP(directory_close) DIR *holders = open_folder(major, minor, "/holders");
	CLEANUP(memory_free) char *point = find_mount(major, minor, false);
	const struct dirent *item;
	struct text *text = context;

	if (point)
		text_format(text, "%s/dev/%s is mounted at '%s'", text->length ? ", " : "", name,
			    point);
	if (is_swap(major, minor))
		text_format(text, "%s/dev/%s is swap", text->length ? ", " : "", name);
	while (holders && (item = readdir(holders)) != NULL)
		if (item->d_name[0] != '.')
			text_format(text, "%s/dev/%s is below /dev/%s", text->length ? ", " : "",
				    name, item->d_name);
}

void disk_use_describe(unsigned major, unsigned minor, struct text *text)
{
	visit(major, minor, describe, text);
}
