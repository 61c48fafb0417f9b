/* SPDX-License-Identifier: Apache-2.0 */
/*
 * installed.h - for unit tests: a kernel that is installed on this system
 */
#pragma once

#include <string.h>

#include "mkinitrd/sysroot.h"

/* the first kernel under /lib/modules that has indexes; NULL when none is installed */
static inline char *kernel_find(const struct sysroot *root)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *entry;

	if (sysroot_opendir(root, "/lib/modules", &directory) < 0)
		return NULL;
	while ((entry = readdir(directory)) != NULL) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		struct stat status;

		text_format(&path, "/lib/modules/%s/modules.dep.bin", entry->d_name);
		if (entry->d_name[0] != '.' &&
		    sysroot_stat(root, text_string(&path), true, &status) == 0)
			return strdup(entry->d_name);
	}
	return NULL;
}
