/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_scan.h - the module files of a kernel, as depmod would list them
 */
#pragma once

#include "resolve.h"

struct module_file {
	char *path;   /* below the kernel's directory: "kernel/fs/ext4/ext4.ko.xz" */
	char *name;   /* with underscores */
	size_t order; /* its line in modules.order; those without one come after */
};

struct module_files {
	struct module_file *items;
	size_t count, allocated;
	struct strings externals; /* folders outside of the kernel's, which were not looked into */
};

#define MODULE_FILES_EMPTY ((struct module_files){ 0 })

void module_files_free(struct module_files *files);

/** module_name_from_path() - "kernel/fs/ext4/ext4.ko.xz" -> "ext4"; NULL: out of memory */
char *module_name_from_path(const char *path);

/**
 * module_scan() - each module once, in depmod's order; speaks
 *
 * Of several files with one name that counts which depmod.d of the root puts first.
 */
int module_scan(const struct sysroot *root, const struct kernel *kernel,
		struct module_files *ret_files);
