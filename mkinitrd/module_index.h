/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_index.h - module indexes for the modules in an image: modules.dep, modules.alias, ...
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "../init/lib/text.h"

struct kernel;
struct module_tree;
struct sysroot;

struct module_index {
	struct module_index_file {
		char *name;
		struct text content;
	} files[14];
	size_t count;
};

#define MODULE_INDEX_EMPTY ((struct module_index){ 0 })

void module_index_free(struct module_index *index);

/** module_index_add() - one more file; takes @content over. Return: 0 or -ENOMEM */
int module_index_add(struct module_index *index, const char *name, const char *suffix,
		     struct text *content);

/** module_index_find() - the content of a file, or NULL when it is not among them */
const char *module_index_find(const struct module_index *index, const char *name);

/**
 * module_index_build() - what depmod would write for a subset of a kernel's modules
 * @is_packed: for each module of @tree; only those with a path count
 *
 * Paths in it are those of uncompressed files (see module_image_path()). What modules.builtin says
 * holds for any subset, so those files are not among these. Speaks.
 */
int module_index_build(const struct sysroot *root, const struct kernel *kernel,
		       const struct module_tree *tree, const bool *is_packed,
		       struct module_index *ret_index);

/**
 * module_index_alias() - an alias as it stands in a .bin: underscores outside brackets, in place
 *
 * Return: false when depmod leaves it out, for its brackets
 */
bool module_index_alias(char *alias);

/** module_image_path() - a path of modules.dep as it is in the image: without .xz, .zst, .gz */
void module_image_path(struct text *text, const char *path);
