/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_modules.c - do the kernel modules of an image fit together?
 *
 * In:    the tree with what modules say of themselves, modules.dep and modules.builtin
 * Out:   findings
 * Not:   firmware (check_firmware.c), what a root's modules need (module_closure.c,
 * resolve_module.c) Facts: modules.dep(5): "path: path..." relative to the release's directory; a
 * module's name is that of its file, '-' and '_' are the same (modprobe(8))
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "decompress.h"
#include "module_info.h"
#include "module_scan.h"

/* ---- one module ---- */

void module_fact_free(struct module_fact *fact)
{
	if (!fact)
		return;
	strings_free(&fact->depends);
	strings_free(&fact->firmware);
	free(fact->name);
	free(fact->release);
	free(fact);
}

static int take_line(struct module_fact *fact, const char *line)
{
	const char *depends = module_info_value(line, "depends");
	const char *firmware = module_info_value(line, "firmware");
	const char *vermagic = module_info_value(line, "vermagic");
	int r = 0;

	if (firmware && *firmware)
		return strings_add(&fact->firmware, firmware);
	if (vermagic && !fact->release) {
		fact->release = strndup(vermagic, strcspn(vermagic, " "));
		return fact->release ? 0 : -ENOMEM;
	}
	while (r == 0 && depends && *depends) {
		size_t length = strcspn(depends, ",");
		CLEANUP(memory_free) char *one = strndup(depends, length);

		r = one ? 0 : -ENOMEM;
		if (r == 0 && length)
			r = strings_take_in(&fact->depends, module_name_from_path(one));
		depends += length + (depends[length] == ',');
	}
	return r;
}

static void fact_cleanup(struct module_fact **fact)
{
	module_fact_free(*fact);
	*fact = NULL;
}

int module_fact_read(int fd, bool is_compressed, const char *path, struct module_fact **ret_fact)
{
	CLEANUP(fact_cleanup) struct module_fact *fact = calloc(1, sizeof(*fact));
	CLEANUP(strings_free) struct strings lines = STRINGS_EMPTY;
	int r = fact ? module_info_read(fd, is_compressed, &lines) : -ENOMEM;

	if (r == 0) {
		fact->name = module_name_from_path(path);
		r = fact->name ? 0 : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < lines.count; i++)
		r = take_line(fact, lines.items[i]);
	if (r == 0) {
		*ret_fact = fact;
		fact = NULL;
	}
	return r;
}

/* ---- the modules of one kernel ---- */

struct kernel_modules {
	struct check *check;
	char *folder;            /* "usr/lib/modules/RELEASE" */
	const char *release;     /* its last part */
	struct path_map present; /* names: of modules, and of what is built in */
	struct path_map
		indexed; /* "NAME": in modules.dep; "NAME NAME": and what stands behind it */
};

static char here[1]; /* what maps hold where being there is all */

static void modules_free(struct kernel_modules *modules)
{
	free(modules->folder);
	path_map_free(&modules->present);
	path_map_free(&modules->indexed);
}

static void remember(struct kernel_modules *modules, struct path_map *map, const char *name)
{
	if (!name || (!path_map_get(map, name) && path_map_put(map, name, here, NULL) < 0))
		modules->check->is_short_of_memory = true;
}

/* the length of "usr/lib/modules/RELEASE" in the path of a module, or 0 */
static size_t folder_length(const char *path)
{
	const char *modules = strstr(path, "lib/modules/");
	const char *release = modules ? modules + strlen("lib/modules/") : NULL;
	size_t length = release ? strcspn(release, "/") : 0;

	return length && release[length] == '/' ? (size_t)(release + length - path) : 0;
}

static const struct module_fact *module_of(const struct tree_node *node)
{
	const struct check_facts *facts = check_facts(node);

	return facts && S_ISREG(node->mode) ? facts->module : NULL;
}

static bool is_below(const struct kernel_modules *modules, const struct tree_node *node)
{
	const char *rest = text_after(node->path, modules->folder);

	return rest && *rest == '/';
}

static void collect(struct kernel_modules *modules)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const struct image_tree *tree = &modules->check->tree;
	const char *text;
	size_t length;

	for (size_t i = 0; i < tree->count; i++) {
		const struct module_fact *fact = module_of(tree->nodes[i]);

		if (fact && is_below(modules, tree->nodes[i]))
			remember(modules, &modules->present, fact->name);
	}
	text_format(&path, "%s/modules.builtin", modules->folder);
	text = check_text(modules->check, text_string(&path), &length);
	while (*text) {
		CLEANUP(memory_free) char *line = strndup(text, strcspn(text, "\n"));
		CLEANUP(memory_free) char *name = line ? module_name_from_path(line) : NULL;

		remember(modules, &modules->present, name);
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
}

/* "path: path...", NUL-ended */
static void read_index_line(struct kernel_modules *modules, const char *index, char *line)
{
	CLEANUP(memory_free) char *first = NULL;
	char *state = NULL;

	for (char *word = strtok_r(line, ": \t", &state); word;
	     word = strtok_r(NULL, ": \t", &state)) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		CLEANUP(text_free) struct text pair = TEXT_EMPTY;
		CLEANUP(memory_free) char *name = module_name_from_path(word);

		if (word[0] != '/')
			text_format(&path, "%s/", modules->folder);
		text_add(&path, word);
		if (image_tree_resolve(&modules->check->tree, text_string(&path), true, NULL,
				       NULL) == 0)
			check_find(modules->check, CHECK_MODULE_INDEX_STALE, index,
				   "lists '%s', which is not in the image: modprobe fails there; "
				   "build the "
				   "image again",
				   word);
		else if (word[0] == '/') /* outside of the folder */
			remember(modules, &modules->present, name);
		if (!first) {
			remember(modules, &modules->indexed, name);
			first = text_pointer_take(&name);
			continue;
		}
		text_format(&pair, "%s %s", first ? first : "", name ? name : "");
		remember(modules, &modules->indexed, text_string(&pair));
	}
}

/* Return: whether there is an index */
static bool read_index(struct kernel_modules *modules)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const char *text;
	size_t length;

	text_format(&path, "%s/modules.dep", modules->folder);
	if (!image_tree_find(&modules->check->tree, text_string(&path))) {
		check_find(modules->check, CHECK_MODULE_INDEX_MISSING, text_string(&path),
			   "is missing, so that modprobe finds none of the modules beside it; run "
			   "depmod, "
			   "or build the image again");
		return false;
	}
	text = check_text(modules->check, text_string(&path), &length);
	while (*text) {
		CLEANUP(memory_free) char *line = strndup(text, strcspn(text, "\n"));

		if (line)
			read_index_line(modules, text_string(&path), line);
		else
			modules->check->is_short_of_memory = true;
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return true;
}

static void check_depends(struct kernel_modules *modules, const struct tree_node *node,
			  const struct module_fact *fact, bool has_index)
{
	bool is_indexed = path_map_get(&modules->indexed, fact->name) != NULL;

	if (has_index && !is_indexed)
		check_find(modules->check, CHECK_MODULE_UNINDEXED, node->path,
			   "is not in modules.dep, so that modprobe does not find it; run depmod, "
			   "or build "
			   "the image again");
	for (size_t i = 0; i < fact->depends.count; i++) {
		const char *name = fact->depends.items[i];
		CLEANUP(text_free) struct text pair = TEXT_EMPTY;

		if (!path_map_get(&modules->present, name)) {
			check_find(modules->check, CHECK_MODULE_DEPENDENCY_MISSING, node->path,
				   "needs the module '%s', which is not in the image; name it in "
				   "the profile "
				   "(kernel: modules:)",
				   name);
			continue;
		}
		text_format(&pair, "%s %s", fact->name, name);
		/* what is built in stands in no line */
		if (is_indexed && path_map_get(&modules->indexed, name) &&
		    !path_map_get(&modules->indexed, text_string(&pair)))
			check_find(modules->check, CHECK_MODULE_INDEX_STALE, node->path,
				   "needs the module '%s', and modules.dep does not say so; run "
				   "depmod, or "
				   "build the image again",
				   name);
	}
}

static void check_release(struct kernel_modules *modules, const struct tree_node *node,
			  const struct module_fact *fact)
{
	if (fact->release && !text_equal(fact->release, modules->release))
		check_find(modules->check, CHECK_MODULE_RELEASE, node->path,
			   "was built for kernel %s and lies among those of %s, which refuses it; "
			   "install "
			   "the one that fits",
			   fact->release, modules->release);
}

/* ---- all ---- */

static void check_kernel_modules(struct check *check, const char *folder, size_t length)
{
	CLEANUP(modules_free) struct kernel_modules modules = { .check = check };
	size_t nowhere = 0;
	bool has_index;

	modules.folder = strndup(folder, length);
	if (!modules.folder) {
		check->is_short_of_memory = true;
		return;
	}
	modules.release = base_name(modules.folder);
	collect(&modules);
	has_index = read_index(&modules);
	for (size_t i = 0; i < check->tree.count; i++) {
		const struct tree_node *node = check->tree.nodes[i];
		const struct module_fact *fact = module_of(node);

		if (!fact || !is_below(&modules, node))
			continue;
		check_depends(&modules, node, fact, has_index);
		check_release(&modules, node, fact);
		nowhere += check_firmware(check, modules.release, node, fact);
	}
	if (nowhere)
		check_note(check,
			   "%zu firmware files that modules of %s name are neither in the image "
			   "nor in "
			   "the root '%s'",
			   nowhere, modules.release, check->root->path);
}

bool check_has_module(const struct check *check, const char *name)
{
	CLEANUP(memory_free) char *wanted = module_name_from_path(name);

	for (size_t i = 0; wanted && i < check->tree.count; i++) {
		const struct module_fact *fact = module_of(check->tree.nodes[i]);

		if (fact && text_equal(fact->name, wanted))
			return true;
	}
	return false;
}

void check_modules(struct check *check)
{
	CLEANUP(memory_free) char *last = NULL; /* the release's folder that was looked at */

	for (size_t i = 0; i < check->tree.count; i++) {
		const struct tree_node *node = check->tree.nodes[i];
		const struct check_facts *facts = check_facts(node);
		size_t length = facts && S_ISREG(node->mode) ? folder_length(node->path) : 0;

		if (length && facts->broken)
			check_find(check, CHECK_MODULE_BROKEN, node->path,
				   "cannot be read as a kernel module; install the kernel again "
				   "and build "
				   "again");
		if (!length || !facts->module)
			continue;
		if (last && strlen(last) == length && memcmp(last, node->path, length) == 0)
			continue;
		free(last);
		last = strndup(node->path, length);
		check_kernel_modules(check, node->path, length);
	}
}
