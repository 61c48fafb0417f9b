/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_tree.h - the modules of one kernel and how they hang together
 *
 * A module is known by its index in module_tree.modules, which is sorted by name. Built-in ones
 * are there as well, without a path.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "module_config.h"
#include "resolve.h"

#define MODULE_NONE SIZE_MAX

struct module_list { /* of indexes */
	size_t *items;
	size_t count;
};

struct module {
	char *name;   /* with underscores */
	char *path;   /* as in modules.dep: "kernel/fs/ext4/ext4.ko.xz"; NULL: built in; absolute,
		       * and without symlinks to its folder: outside of the kernel's directory */
	size_t order; /* its line in modules.dep, from 0 */
	struct module_list hard; /* all that it needs, directly or not, in the order of loading */
	struct module_list pre, post; /* softdeps; module_tree_softdeps() fills them in */
	struct module_list weak;      /* weakdeps and firmware: module_says() fills them in */
	struct strings firmware;
	struct strings info; /* .modinfo, when it was read; else why it could not be */
	int info_result;
	bool has_info;
	struct strings aliases; /* as in modules.alias */
	bool has_softdeps;      /* module_tree_softdeps() has run */
	bool is_blacklisted;    /* also when it is forbidden */
	bool is_forbidden;      /* modprobe.d: "install NAME /bin/false", or the like */
};

struct module_library;

struct module_tree {
	struct module *modules;
	size_t count;
	size_t file_count; /* of those with a path */
	struct module_config config;
	struct module_library *library;
	bool has_weakdeps;            /* an index says which there are: depmod 33 and later */
	bool is_computed;             /* depmod never ran for what the root has of this kernel: */
	struct module_index computed; /* what it would have written */
};

/**
 * module_tree_open() - read the indexes of @kernel and modprobe.d of @root; speaks
 * @jobs: threads, should the modules themselves have to be read
 */
int module_tree_open(const struct sysroot *root, const struct kernel *kernel, unsigned jobs,
		     struct module_tree *ret_tree);

/**
 * module_tree_is_stale() - whether modules.dep and the module files differ (module_stale.c)
 * @why: gets the first difference
 *
 * Return: 1, 0, or a negative errno
 */
int module_tree_is_stale(const struct sysroot *root, const struct kernel *kernel, struct text *why);

/** module_root_path() - add where a path of modules.dep is in the root: below the kernel's
 * directory, or as it is when it is absolute ("external" of depmod.d) */
void module_root_path(const struct kernel *kernel, const char *path, struct text *text);

/** module_tree_open_computed() - tree->library from tree->computed (module_private.c) */
int module_tree_open_computed(const struct sysroot *root, const struct kernel *kernel,
			      struct module_tree *tree);

/** module_tree_read() - an index by name, "modules.dep"; -ENOENT when there is none; quiet */
int module_tree_read(const struct module_tree *tree, const struct sysroot *root,
		     const struct kernel *kernel, const char *name, struct text *text);

/** module_tree_read_indexes() - modules, hard dependencies, aliases, firmware into @tree; speaks.
 * modules.dep is needed; a kernel may have no modules.builtin, modules.alias */
int module_tree_read_indexes(const struct sysroot *root, const struct kernel *kernel,
			     struct module_tree *tree);
void module_tree_close(struct module_tree *tree);

/** module_tree_find() - by exact name, dashes or underscores; MODULE_NONE when there is none */
size_t module_tree_find(const struct module_tree *tree, const char *name);

/** module_tree_find_normal() - the same for a name with underscores */
size_t module_tree_find_normal(const struct module_tree *tree, const char *name);

/**
 * module_tree_lookup() - what modprobe would load for a name or alias; quiet
 *
 * Return: 0, also when there is nothing (@ret_list is empty), or -errno
 */
int module_tree_lookup(const struct module_tree *tree, const char *name,
		       struct module_list *ret_list);

/** module_tree_softdeps() - make sure that pre and post of a module are known; quiet */
int module_tree_softdeps(const struct module_tree *tree, size_t index);

/**
 * module_tree_closure() - @index and all that it needs, in modprobe's order, each once; quiet
 *
 * Source: kmod's libkmod/libkmod-module.c, __kmod_module_get_probe_list(): the hard dependencies
 * of a module, each between its own softdeps, then the module between its softdeps, and for
 * softdeps the same again.
 */
int module_tree_closure(const struct module_tree *tree, size_t index, struct module_list *ret_list);

/** module_tree_direct() - the hard dependencies of a module that no other of them needs */
int module_tree_direct(const struct module_tree *tree, size_t index, struct module_list *ret_list);

int module_list_add(struct module_list *list, size_t index);
bool module_list_contains(const struct module_list *list, size_t index);
void module_list_free(struct module_list *list);
