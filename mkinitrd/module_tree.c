/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_tree.c - the modules of one kernel (see module_tree.h)
 *
 * In:    modules.dep and modules.builtin, parsed here; aliases and softdeps from module_library.c
 * Out:   modules by name or alias, their hard and soft dependencies, modprobe's order
 * Not:   which of them an image gets (resolve_module.c)
 * Facts: modules.dep has a line "PATH: PATH..." a module, with all that it needs, what is to be
 *        loaded first last: modules.dep(5), kmod's kmod_module_parse_depline()
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

#define INDEX_LIMIT ((size_t)64 << 20)

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

static int name_compare(const void *left, const void *right)
{
	const struct module *a = left;
	const struct module *b = right;

	return strcmp(a->name, b->name);
}

static size_t name_find(const struct module_tree *tree, const char *name)
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
	return name_find(tree, normal);
}

/* one entry for each line of @text; a ':' ends the path */
static int modules_add(struct module_tree *tree, const char *text, bool is_built_in)
{
	size_t lines = 0, order = 0;
	struct module *modules;

	for (const char *position = text; *position; position++)
		lines += *position == '\n' || position[1] == '\0';
	if (lines == 0)
		return 0;
	modules = reallocarray(tree->modules, tree->count + lines, sizeof(*modules));
	if (!modules)
		return -ENOMEM;
	tree->modules = modules;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t length = strcspn(line, ":\n");
		struct module *module = &tree->modules[tree->count];

		if (length == 0)
			continue;
		*module = (struct module){ .order = order, .path = strndup(line, length) };
		order++;
		tree->count++;
		module->name = module->path ? module_name_from_path(module->path) : NULL;
		if (!module->name)
			return -ENOMEM;
		if (is_built_in)
			memory_free(&module->path);
	}
	return 0;
}

/* sort by name; of a name that is both a module and built in, the module is what modprobe takes */
static void modules_sort(struct module_tree *tree)
{
	size_t kept = 0;

	if (tree->count)
		qsort(tree->modules, tree->count, sizeof(*tree->modules), name_compare);
	for (size_t i = 0; i < tree->count; i++) {
		struct module *module = &tree->modules[i];
		struct module *last = kept ? &tree->modules[kept - 1] : NULL;

		if (!last || !text_equal(last->name, module->name)) {
			tree->modules[kept++] = *module;
			continue;
		}
		if (!last->path) {
			free(last->name);
			*last = *module;
		} else {
			free(module->name);
			free(module->path);
		}
	}
	tree->count = kept;
	for (size_t i = 0; i < tree->count; i++)
		tree->file_count += tree->modules[i].path != NULL;
}

/* speaks */
static int line_dependencies(struct module_tree *tree, size_t index, char *rest)
{
	struct module_list *hard = &tree->modules[index].hard;
	char *path;

	while ((path = strsep(&rest, " \t")) != NULL) {
		CLEANUP(memory_free) char *name = *path ? module_name_from_path(path) : NULL;
		size_t found;

		if (*path == '\0')
			continue;
		if (!name)
			return fail(-ENOMEM, "modules.dep");
		found = name_find(tree, name);
		if (found == MODULE_NONE)
			return fail(-ENOENT,
				    "modules.dep: module '%s' needs '%s', which has no line there; "
				    "run depmod",
				    tree->modules[index].name, path);
		if (!tree->modules[found].path)
			continue; /* built in, which depmod would not list: always there */
		if (module_list_add(hard, found) < 0)
			return fail(-ENOMEM, "modules.dep");
	}
	for (size_t i = 0; i < hard->count / 2; i++) {
		size_t swapped = hard->items[i];

		hard->items[i] = hard->items[hard->count - 1 - i];
		hard->items[hard->count - 1 - i] = swapped;
	}
	return 0;
}

/* speaks */
static int dependencies_read(struct module_tree *tree, char *text)
{
	char *line;

	if (!tree->modules)
		return 0; /* a kernel without any */
	while ((line = strsep(&text, "\n")) != NULL) {
		CLEANUP(memory_free) char *name = NULL;
		char *rest = line;
		size_t index;
		int r;

		(void)strsep(&rest, ":");
		if (!rest)
			continue;
		name = module_name_from_path(line);
		if (!name)
			return fail(-ENOMEM, "modules.dep");
		index = name_find(tree, name);
		if (index == MODULE_NONE || tree->modules[index].hard.count)
			continue;
		r = line_dependencies(tree, index, rest);
		if (r < 0)
			return r;
	}
	return 0;
}

/* lines "alias ALIAS MODULE"; an alias may hold blanks */
static int aliases_read(struct module_tree *tree, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL) {
		const char *alias = text_after(line, "alias ");
		char *blank = strrchr(line, ' ');
		size_t index;

		if (!alias || blank < alias)
			continue;
		*blank = '\0';
		index = name_find(tree, blank + 1);
		if (index != MODULE_NONE && strings_add(&tree->modules[index].aliases, alias) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* the key of "install" is a pattern, that of "blacklist" is not */
static void blacklist_apply(struct module_tree *tree)
{
	for (size_t i = 0; i < tree->config.count; i++) {
		const struct module_setting *setting = &tree->config.settings[i];
		size_t index = setting->verb == MODULE_BLACKLIST ? name_find(tree, setting->key)
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

/* lines "MODULE FIRMWARE" of an index that module_depend() made */
static int firmware_read(struct module_tree *tree)
{
	const char *content = module_index_find(&tree->computed, FIRMWARE_INDEX);
	CLEANUP(memory_free) char *copy = content ? strdup(content) : NULL;
	char *rest = copy;
	char *line;

	if (content && !copy)
		return -ENOMEM;
	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		const char *module = strsep(&line, " ");
		size_t index = line ? name_find(tree, module) : MODULE_NONE;

		if (index != MODULE_NONE && strings_add(&tree->modules[index].firmware, line) < 0)
			return -ENOMEM;
	}
	return 0;
}

int module_tree_read(const struct module_tree *tree, const struct sysroot *root,
		     const struct kernel *kernel, const char *name, struct text *text)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const char *content = module_index_find(&tree->computed, name);

	if (content) {
		text_add(text, content);
		return text->failed ? -ENOMEM : 0;
	}
	text_format(&path, "%s/%s", kernel->directory, name);
	return path.failed ? -ENOMEM : sysroot_read(root, text_string(&path), INDEX_LIMIT, text);
}

/* modules.dep is needed; a kernel may have no modules.builtin, modules.alias */
static int indexes_read(const struct sysroot *root, const struct kernel *kernel,
			struct module_tree *tree)
{
	CLEANUP(text_free) struct text dependencies = TEXT_EMPTY;
	CLEANUP(text_free) struct text built_in = TEXT_EMPTY;
	CLEANUP(text_free) struct text aliases = TEXT_EMPTY;
	int r;

	r = module_tree_read(tree, root, kernel, "modules.dep", &dependencies);
	if (r < 0)
		return fail(r, "cannot read '%s/modules.dep' of the root '%s'; run depmod %s",
			    kernel->directory, root->path, kernel->release);
	r = module_tree_read(tree, root, kernel, "modules.builtin", &built_in);
	if (r >= 0 || r == -ENOENT)
		r = module_tree_read(tree, root, kernel, "modules.alias", &aliases);
	if (r == -ENOENT)
		r = 0;
	if (r >= 0)
		r = modules_add(tree, text_string(&dependencies), false);
	if (r >= 0)
		r = modules_add(tree, text_string(&built_in), true);
	modules_sort(tree);
	if (r >= 0 && aliases.data)
		r = aliases_read(tree, aliases.data);
	if (r >= 0)
		r = firmware_read(tree);
	if (r < 0)
		return fail(r, "cannot read the module indexes in '%s' of the root '%s'",
			    kernel->directory, root->path);
	return dependencies.data ? dependencies_read(tree, dependencies.data) : 0;
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
	int r = 0;

	tree.is_computed = !indexes_are_there(root, kernel);
	if (tree.is_computed) {
		say("depmod has not run for kernel %s in the root '%s': its modules are indexed "
		    "here, the root stays as it is",
		    kernel->release, root->path);
		r = module_depend(root, kernel, jobs, &tree.computed);
	}
	if (r >= 0)
		r = indexes_read(root, kernel, &tree);
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
		size_t index = name_find(tree, names->items[i]);

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
