/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modules.c - a kernel's module indexes and a root's modprobe.d: any text is refused or is a tree
 *             of modules; a closure holds only what is there, each once, the module itself among
 *             it; an index made for the whole holds a line for every module
 *
 * An input is files: a line "#-- NAME" begins one of those below. The binary indexes, which libkmod
 * maps and believes, are made from the text ones as depmod makes them.
 */
#include <ftw.h>
#include <fcntl.h>

#include "fuzz.h"
#include "mkinitrd/module_index.h"
#include "mkinitrd/module_tree.h"
#include "mkinitrd/module_trie.h"

#define DIRECTORY "/usr/lib/modules/1"
#define MODULES_MOST 24 /* of which the closures are looked at */

static const char *const names[] = {
	DIRECTORY "/modules.dep",     DIRECTORY "/modules.alias",   DIRECTORY "/modules.builtin",
	DIRECTORY "/modules.softdep", DIRECTORY "/modules.weakdep", DIRECTORY "/modules.symbols",
	DIRECTORY "/modules.devname", DIRECTORY "/modules.order",   "/etc/modprobe.d/a.conf",
	"/lib/modprobe.d/b.conf",
};

static char root_path[] = "/dev/shm/mkinitrd-fuzz-XXXXXX";
static struct sysroot root = SYSROOT_EMPTY;

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

static void root_remove(void)
{
	sysroot_close(&root);
	(void)nftw(root_path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void root_make(void)
{
	static const char *const folders[] = { DIRECTORY, "/etc/modprobe.d", "/lib/modprobe.d" };

	if (root.fd >= 0)
		return;
	REQUIRE(mkdtemp(root_path));
	REQUIRE(atexit(root_remove) == 0);
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "%s%s", root_path, folders[i]);
		REQUIRE(directory_make(text_string(&path), 0755) == 0);
	}
	REQUIRE(sysroot_open_root(&root, root_path) == 0);
}

static void put(const char *name, const char *bytes, size_t count)
{
	CLEANUP(fd_close)
	int fd = openat(root.fd, name + 1, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	REQUIRE(fd >= 0 && file_write_fd(fd, bytes, count) == 0);
}

static void put_trie(const char *name, struct trie *trie)
{
	CLEANUP(text_free) struct text bytes = TEXT_EMPTY;

	REQUIRE(trie_write(trie, &bytes) == 0);
	put(name, text_string(&bytes), bytes.length);
}

/* "kernel/a-b.ko: ..." is known as "a_b" */
static void dependency_add(struct trie *trie, const char *line)
{
	const char *colon = strchr(line, ':');
	CLEANUP(memory_free) char *path = colon ? strndup(line, (size_t)(colon - line)) : NULL;
	char *name = path ? strrchr(path, '/') : NULL;

	if (!path)
		return;
	name = name ? name + 1 : path;
	name[strcspn(name, ".")] = '\0';
	module_name_normal(name);
	(void)trie_add(trie, name, line, (uint32_t)trie->count);
}

static void alias_add(struct trie *trie, char *line)
{
	char *alias = text_after(line, "alias ") ? line + strlen("alias ") : NULL;
	char *blank = alias ? strrchr(alias, ' ') : NULL;

	if (!blank)
		return;
	*blank = '\0';
	if (module_index_alias(alias))
		(void)trie_add(trie, alias, blank + 1, (uint32_t)trie->count);
}

static void put_binary(const char *dependencies, const char *aliases)
{
	CLEANUP(trie_free) struct trie dep = TRIE_EMPTY, alias = TRIE_EMPTY, none = TRIE_EMPTY;
	CLEANUP(memory_free) char *dep_text = strdup(dependencies), *alias_text = strdup(aliases);
	char *rest = dep_text, *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		dependency_add(&dep, line);
	rest = alias_text;
	while ((line = strsep(&rest, "\n")) != NULL)
		alias_add(&alias, line);
	put_trie(DIRECTORY "/modules.dep.bin", &dep);
	put_trie(DIRECTORY "/modules.alias.bin", &alias);
	put_trie(DIRECTORY "/modules.symbols.bin", &none);
	put_trie(DIRECTORY "/modules.builtin.bin", &none);
}

/* the files of the input; those that it does not name are empty */
static void put_files(const char *input)
{
	const char *contents[COUNT_OF(names)];
	size_t lengths[COUNT_OF(names)] = { 0 };
	CLEANUP(memory_free) char *dep = NULL, *alias = NULL;

	for (size_t i = 0; i < COUNT_OF(names); i++)
		contents[i] = "";
	for (const char *at = input; (at = strstr(at, "#-- ")) != NULL;) {
		size_t length = strcspn(at + 4, "\n");
		const char *start = at + 4 + length + (at[4 + length] == '\n');
		const char *end = strstr(start, "#-- ");

		for (size_t i = 0; i < COUNT_OF(names); i++)
			if (strlen(strrchr(names[i], '/') + 1) == length &&
			    strncmp(strrchr(names[i], '/') + 1, at + 4, length) == 0) {
				contents[i] = start;
				lengths[i] = end ? (size_t)(end - start) : strlen(start);
			}
		at = start;
	}
	for (size_t i = 0; i < COUNT_OF(names); i++)
		put(names[i], contents[i], lengths[i]);
	dep = strndup(contents[0], lengths[0]);
	alias = strndup(contents[1], lengths[1]);
	REQUIRE(dep && alias);
	put_binary(dep, alias);
}

static void check_list(const struct module_tree *tree, const struct module_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		REQUIRE(list->items[i] < tree->count);
		for (size_t j = 0; j < i; j++)
			REQUIRE(list->items[i] != list->items[j]);
	}
}

static void check_module(const struct module_tree *tree, size_t index)
{
	const struct module *module = &tree->modules[index];
	CLEANUP(module_list_free) struct module_list closure = { 0 }, direct = { 0 }, found = { 0 };

	REQUIRE(module_tree_find(tree, module->name) == index);
	if (module_tree_softdeps(tree, index) < 0)
		return;
	if (module_tree_closure(tree, index, &closure) == 0) {
		check_list(tree, &closure);
		REQUIRE(module_list_contains(&closure, index));
		for (size_t i = 0; i < module->hard.count; i++)
			REQUIRE(module_list_contains(&closure, module->hard.items[i]));
	}
	if (module_tree_direct(tree, index, &direct) == 0)
		for (size_t i = 0; i < direct.count; i++)
			REQUIRE(module_list_contains(&module->hard, direct.items[i]));
	for (size_t i = 0; i < module->aliases.count && i < 4; i++) {
		module_list_free(&found);
		if (module_tree_lookup(tree, module->aliases.items[i], &found) == 0)
			check_list(tree, &found);
	}
}

static void check_index(const struct kernel *kernel, const struct module_tree *tree)
{
	CLEANUP(module_index_free) struct module_index index = MODULE_INDEX_EMPTY;
	bool *all = malloc(tree->count + 1);
	const char *dep;
	size_t lines = 0;

	REQUIRE(all);
	memset(all, 1, tree->count + 1);
	if (module_index_build(&root, kernel, tree, all, &index) == 0) {
		dep = module_index_find(&index, "modules.dep");
		for (const char *at = dep; at && *at; at++)
			lines += *at == '\n';
		REQUIRE(lines == tree->file_count);
	}
	free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char release[] = "1", directory[] = DIRECTORY;
	const struct kernel kernel = { .release = release, .directory = directory };
	CLEANUP(module_tree_close) struct module_tree tree = { 0 };
	CLEANUP(memory_free) char *input = fuzz_string(data, size);

	root_make();
	put_files(input);
	if (module_tree_open(&root, &kernel, 1, &tree) < 0)
		return 0;
	for (size_t i = 1; i < tree.count; i++)
		REQUIRE(strcmp(tree.modules[i - 1].name, tree.modules[i].name) < 0);
	for (size_t i = 0; i < tree.count && i < MODULES_MOST; i++)
		check_module(&tree, i);
	check_index(&kernel, &tree);
	return 0;
}
