/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_files.c - list and read modprobe.d and depmod.d of a root (see config_files.h)
 *
 * In:    folders in the root
 * Out:   files in the order in which kmod reads them, lines
 * Not:   what the lines mean (module_config.c, module_scan.c)
 * Facts: modprobe.d(5), depmod.d(5): of files with one name the first folder's counts, files are
 *        read in the order of their names. Continued lines: kmod's shared/util.c,
 *        freadline_wrapped().
 */
#include <errno.h>
#include <string.h>

#include "config_files.h"
#include "fail.h"

#define CONFIG_LIMIT ((size_t)4 << 20)

void config_files_free(struct config_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->items[i].path);
	free(files->items);
	*files = CONFIG_FILES_EMPTY;
}

int config_files_add(struct config_files *files, const char *folder, const char *name)
{
	struct config_file *items;
	char *path;

	for (size_t i = 0; i < files->count; i++) {
		if (text_equal(files->items[i].name, name))
			return 0;
	}
	items = reallocarray(files->items, files->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	files->items = items;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	items[files->count++] = (struct config_file){ path + strlen(folder) + 1, path };
	return 0;
}

int config_files_list(const struct sysroot *root, const char *folder, const char *suffix,
		      const char *other, struct config_files *files)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *entry;
	int r;

	r = sysroot_opendir(root, folder, &directory);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0) {
		warn("cannot read '%s': %s, skipping", folder, strerror(-r));
		return 0;
	}
	while ((entry = readdir(directory)) != NULL) {
		const char *name = entry->d_name;

		if (name[0] == '.' ||
		    (!text_ends_with(name, suffix) && !(other && text_ends_with(name, other))))
			continue;
		r = config_files_add(files, folder, name);
		if (r < 0)
			return r;
	}
	return 0;
}

static int file_compare(const void *left, const void *right)
{
	const struct config_file *a = left;
	const struct config_file *b = right;

	return strcmp(a->name, b->name);
}

void config_files_sort(struct config_files *files)
{
	if (files->count)
		qsort(files->items, files->count, sizeof(*files->items), file_compare);
}

int config_text_lines(const char *content, const char *path,
		      int (*take)(void *context, char *line, const char *path, unsigned number),
		      void *context)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	unsigned next = 1;

	for (const char *position = content; *position;) {
		unsigned number = next;
		int r;

		text_clear(&line);
		for (; *position && *position != '\n'; position++) {
			if (*position == '\\' && position[1] == '\n') {
				position++; /* the line goes on */
				next++;
			} else {
				text_add_char(&line, *position);
			}
		}
		if (*position == '\n')
			position++;
		next++;
		if (line.failed)
			return -ENOMEM;
		r = line.length ? take(context, line.data, path, number) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

int config_file_lines(const struct sysroot *root, const char *path,
		      int (*take)(void *context, char *line, const char *path, unsigned number),
		      void *context)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	int r = sysroot_read(root, path, CONFIG_LIMIT, &content);

	if (r == -ENOENT)
		return 0; /* a dangling symlink: kmod passes over it as well */
	if (r < 0 && r != -ENOMEM) {
		warn("cannot read '%s': %s, skipping", path, strerror(-r));
		return 0;
	}
	return r < 0 ? r : config_text_lines(text_string(&content), path, take, context);
}
