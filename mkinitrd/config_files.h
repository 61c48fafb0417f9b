/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_files.h - folders of configuration as kmod reads them: modprobe.d, depmod.d
 */
#pragma once

#include "sysroot.h"

struct config_file {
	const char *name; /* within path */
	char *path;       /* in the root */
};

struct config_files {
	struct config_file *items;
	size_t count;
};

#define CONFIG_FILES_EMPTY ((struct config_files){ 0 })

void config_files_free(struct config_files *files);

/** config_files_add() - @folder/@name, unless there is a file with that name already */
int config_files_add(struct config_files *files, const char *folder, const char *name);

/**
 * config_files_list() - the files in @folder whose names end in @suffix or @other (may be NULL)
 *
 * Call it for the folder that counts most first. What cannot be read is a warning.
 */
int config_files_list(const struct sysroot *root, const char *folder, const char *suffix,
		      const char *other, struct config_files *files);

/** config_files_sort() - into the order in which they are read: by name */
void config_files_sort(struct config_files *files);

/**
 * config_file_lines() - give @take each line, which it may modify, and its number
 *
 * A backslash at the end of a line continues it; the number is that of the first. A file that
 * cannot be read is a warning, one that is not there is nothing.
 *
 * Return: 0, -ENOMEM, or what @take returned when it was negative
 */
int config_file_lines(const struct sysroot *root, const char *path,
		      int (*take)(void *context, char *line, const char *path, unsigned number),
		      void *context);

/** config_text_lines() - the same for @content, which is as if read from @path */
int config_text_lines(const char *content, const char *path,
		      int (*take)(void *context, char *line, const char *path, unsigned number),
		      void *context);
