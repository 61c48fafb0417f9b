/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_tree.c - the modules of one kernel (see module_tree.h)
 *
 * In:    its indexes (module_tree_read.c); aliases and softdeps from module_library.c
 * Out:   modules by name or alias, their hard and soft dependencies, modprobe's order
 * Not:   which of them an image gets (resolve_module.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <string.h>

#include "module_tree.h"
#include "module_depend.h"
#include "module_library.h"
#include "module_scan.h"
#include "fail.h"

int module_list_add(struct module_list *list, size_t index)
{
	/* room grows at powers of two */
	if ((list->count & (list->count - 1)) == 0) {
		size_t *items = reallocarray(list->items, list->count ? 2 * list->count : 1,
					     sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
	}
	list->items[list->count++] = index;
	return 0;
}

void module_list_free(struct module_list *list)
{
	free(list->items);
	*list = (struct module_list){ 0 };
}

bool module_list_contains(const struct module_list *list, size_t index)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i] == index)
			return true;
	}
	return false;
}

void module_tree_close(struct module_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		struct module *module = &tree->modules[i];

		free(module->name);
		free(module->path);
		strings_free(&module->aliases);
		strings_free(&module->firmware);
		strings_free(&module->info);
		module_list_free(&module->weak);
		module_list_free(&module->hard);
		module_list_free(&module->pre);
		module_list_free(&module->post);
	}
	free(tree->modules);
	module_config_free(&tree->config);
	module_library_close(tree->library);
	module_index_free(&tree->computed);
	*tree = (struct module_tree){ 0 };
}

size_t module_tree_find_normal(const struct module_tree *tree, const char *name)
{
	size_t low = 0, high = tree->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, tree->modules[middle].name);

		if (order == 0)
			return middle;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return MODULE_NONE;
}

size_t module_tree_find(const struct module_tree *tree, const char *name)
{
	CLEANUP(memory_free) char *normal = strdup(name);

	if (!normal)
		return MODULE_NONE;
	module_name_normal(normal);
	return module_tree_find_normal(tree, normal);
}

/* the key of "install" is a pattern, that of "blacklist" is not */
static void blacklist_apply(struct module_tree *tree)
{
	for (size_t i = 0; i < tree->config.count; i++) {
		const struct module_setting *setting = &tree->config.settings[i];
		size_t index = setting->verb == MODULE_BLACKLIST
				       ? module_tree_find_normal(tree, setting->key)
				       : MODULE_NONE;

		if (index != MODULE_NONE)
			tree->modules[index].is_blacklisted = true;
		if (!module_setting_forbids(setting))
			continue;
		for (size_t j = 0; j < tree->count; j++) {
			if (fnmatch(setting->key, tree->modules[j].name, 0) != 0)
				continue;
			tree->modules[j].is_blacklisted = true;
			tree->modules[j].is_forbidden = true;
		}
	}
}

static bool index_is_there(const struct sysroot *root, const struct kernel *kernel,
			   const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct stat status;

	text_format(&path, "%s/%s", kernel->directory, name);
	return sysroot_stat(root, text_string(&path), true, &status) != -ENOENT;
}

/* what depmod writes and libkmod, or we, cannot do without */
static bool indexes_are_there(const struct sysroot *root, const struct kernel *kernel)
{
	static const char *const names[] = { "modules.dep", "modules.dep.bin", "modules.alias.bin",
					     "modules.symbols.bin", "modules.builtin.bin" };

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (!index_is_there(root, kernel, names[i]))
			return false;
	}
	return true;
}

static int library_open(const struct sysroot *root, const struct kernel *kernel,
			struct module_tree *tree)
{
	int directory_fd;

	if (tree->is_computed)
		return module_tree_open_computed(root, kernel, tree);
	directory_fd = sysroot_open(root, kernel->directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	return directory_fd < 0
		       ? directory_fd
		       : module_library_open(directory_fd, &tree->config.text, &tree->library);
}

int module_tree_open(const struct sysroot *root, const struct kernel *kernel, unsigned jobs,
		     struct module_tree *ret_tree)
{
	CLEANUP(module_tree_close) struct module_tree tree = { 0 };
	CLEANUP(text_free) struct text stale = TEXT_EMPTY;
	int r = 0;

	if (indexes_are_there(root, kernel)) {
		r = module_tree_is_stale(root, kernel, &stale);
		if (r < 0)
			return fail(r, "cannot compare modules.dep with the modules of kernel %s",
				    kernel->release);
	}
	tree.is_computed = r == 1 || !indexes_are_there(root, kernel);
	if (tree.is_computed) {
		say("depmod has not run for kernel %s in the root '%s'%s%s%s: its modules are "
		    "indexed here, the root stays as it is",
		    kernel->release, root->path,
		    stale.length ? " since its modules changed (modules.dep: " : "",
		    text_string(&stale), stale.length ? ")" : "");
		r = module_depend(root, kernel, jobs, &tree.computed);
	}
	if (r >= 0)
		r = module_tree_read_indexes(root, kernel, &tree);
	if (r >= 0)
		r = module_config_read(root, kernel->directory,
				       tree.is_computed ? &tree.computed : NULL, &tree.config);
	if (r < 0)
		return r;
	blacklist_apply(&tree);
	tree.has_weakdeps = tree.is_computed || index_is_there(root, kernel, "modules.weakdep");
	r = library_open(root, kernel, &tree);
	if (r < 0)
		return fail(r, "cannot load the module indexes of kernel %s of the root '%s'%s%s",
			    kernel->release, root->path, tree.is_computed ? "" : "; run depmod ",
			    tree.is_computed ? "" : kernel->release);
	*ret_tree = tree;
	tree = (struct module_tree){ 0 };
	return 0;
}

/* names as indexes; what has no index is left out: libkmod makes up modules for odd aliases */
static int list_from_names(const struct module_tree *tree, const struct strings *names,
			   struct module_list *ret_list)
{
	for (size_t i = 0; i < names->count; i++) {
		size_t index = module_tree_find_normal(tree, names->items[i]);

		if (index == MODULE_NONE || module_list_contains(ret_list, index))
			continue;
		if (module_list_add(ret_list, index) < 0)
			return -ENOMEM;
	}
	return 0;
}

int module_tree_lookup(const struct module_tree *tree, const char *name,
		       struct module_list *ret_list)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	int r;

	r = module_library_lookup(tree->library, name, &names);
	return r < 0 ? r : list_from_names(tree, &names, ret_list);
}

int module_tree_softdeps(const struct module_tree *tree, size_t index)
{
	CLEANUP(strings_free) struct strings pre = STRINGS_EMPTY;
	CLEANUP(strings_free) struct strings post = STRINGS_EMPTY;
	struct module *module = &tree->modules[index];
	int r;

	if (module->has_softdeps)
		return 0;
	r = module_library_softdeps(tree->library, module->name, &pre, &post);
	if (r >= 0)
		r = list_from_names(tree, &pre, &module->pre);
	if (r >= 0)
		r = list_from_names(tree, &post, &module->post);
	module->has_softdeps = r >= 0;
	return r;
}
