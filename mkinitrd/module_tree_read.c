/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_tree_read.c - the modules of one kernel, from the text indexes of depmod
 *
 * In:    modules.dep, modules.builtin, modules.alias: in the root, or as module_depend() made them
 * Out:   modules sorted by name, their hard dependencies, aliases, firmware
 * Not:   what libkmod answers from the binary indexes (module_library.c)
 * Facts: modules.dep has a line "PATH: PATH..." a module, with all that it needs, what is to be
 *        loaded first last: modules.dep(5), kmod's kmod_module_parse_depline()
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "module_depend.h"
#include "module_scan.h"
#include "module_tree.h"

#define INDEX_LIMIT ((size_t)64 << 20)

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

static int name_compare(const void *left, const void *right)
{
	const struct module *a = left;
	const struct module *b = right;

	return strcmp(a->name, b->name);
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

/* the folders of modules outside of the kernel's: the image has them where they really are */
static int folders_follow(const struct sysroot *root, struct module_tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		struct module *module = &tree->modules[i];
		const char *base = module->path ? base_name(module->path) : NULL;
		CLEANUP(memory_free) char *given = NULL;
		CLEANUP(memory_free) char *folder = NULL;
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		int r;

		if (!base || module->path[0] != '/')
			continue;
		given = strndup(module->path, (size_t)(base - module->path));
		r = given ? sysroot_canonical(root, given, &folder, NULL) : -ENOMEM;
		if (r < 0)
			return r;
		text_format(&path, "%s/%s", text_equal(folder, "/") ? "" : folder, base);
		memory_free(&module->path);
		r = text_take(&path, &module->path);
		if (r < 0)
			return r;
	}
	return 0;
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
		found = module_tree_find_normal(tree, name);
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
		index = module_tree_find_normal(tree, name);
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
		index = module_tree_find_normal(tree, blank + 1);
		if (index != MODULE_NONE && strings_add(&tree->modules[index].aliases, alias) < 0)
			return -ENOMEM;
	}
	return 0;
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
		size_t index = line ? module_tree_find_normal(tree, module) : MODULE_NONE;

		if (index != MODULE_NONE && strings_add(&tree->modules[index].firmware, line) < 0)
			return -ENOMEM;
	}
	return 0;
}

void module_root_path(const struct kernel *kernel, const char *path, struct text *text)
{
	if (path[0] != '/')
		text_format(text, "%s/", kernel->directory);
	text_add(text, path);
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

int module_tree_read_indexes(const struct sysroot *root, const struct kernel *kernel,
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
	if (r >= 0)
		r = folders_follow(root, tree);
	if (r < 0)
		return fail(r, "cannot read the module indexes in '%s' of the root '%s'",
			    kernel->directory, root->path);
	return dependencies.data ? dependencies_read(tree, dependencies.data) : 0;
}
