/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_index.c - indexes for a subset of a kernel's modules (see module_index.h)
 *
 * In:    the tree of modules, which of them are in the image, the root's own text indexes
 * Out:   modules.dep, .alias, .symbols, each with its .bin; modules.softdep, .weakdep, .order,
 *        .devname
 * Not:   the format of .bin files (module_trie.c)
 * Facts: what depmod writes where: kmod's tools/depmod.c, depmod_output(). A value's priority is
 *        its module's position. Aliases in modules.alias.bin have underscores outside brackets;
 *        brackets, * and ? stay as they are, modprobe matches them (libkmod-index.c).
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "module_index.h"
#include "module_tree.h"
#include "module_trie.h"
#include "decompress.h"
#include "fail.h"

struct subset {
	const struct module_tree *tree;
	const bool *is_packed;
	size_t *by_order; /* packed modules as modules.dep has them */
	size_t count;
	uint32_t *priorities; /* for each module of the tree */
};

static void subset_free(struct subset *subset)
{
	free(subset->by_order);
	free(subset->priorities);
}

void module_index_free(struct module_index *index)
{
	for (size_t i = 0; i < index->count; i++) {
		free(index->files[i].name);
		text_free(&index->files[i].content);
	}
	*index = MODULE_INDEX_EMPTY;
}

int module_index_add(struct module_index *index, const char *name, const char *suffix,
		     struct text *content)
{
	struct module_index_file *file = &index->files[index->count];

	assert(index->count < COUNT_OF(index->files));
	if (content->failed || asprintf(&file->name, "%s%s", name, suffix) < 0)
		return -ENOMEM;
	file->content = *content;
	*content = TEXT_EMPTY;
	index->count++;
	return 0;
}

const char *module_index_find(const struct module_index *index, const char *name)
{
	for (size_t i = 0; i < index->count; i++) {
		if (text_equal(index->files[i].name, name))
			return text_string(&index->files[i].content);
	}
	return NULL;
}

void module_image_path(struct text *text, const char *path)
{
	const char *suffix = compressed_suffix(path);

	text_add_bytes(text, path, suffix ? (size_t)(suffix - path) : strlen(path));
}

static int subset_make(struct subset *subset)
{
	const struct module_tree *tree = subset->tree;
	size_t slots = 1;

	for (size_t i = 0; i < tree->count; i++) {
		if (tree->modules[i].path && tree->modules[i].order >= slots)
			slots = tree->modules[i].order + 1;
	}
	subset->by_order = reallocarray(NULL, slots, sizeof(*subset->by_order));
	subset->priorities = calloc(tree->count + 1, sizeof(*subset->priorities));
	if (!subset->by_order || !subset->priorities)
		return -ENOMEM;
	for (size_t i = 0; i < slots; i++)
		subset->by_order[i] = MODULE_NONE;
	for (size_t i = 0; i < tree->count; i++) {
		if (tree->modules[i].path)
			subset->by_order[tree->modules[i].order] = i;
	}
	for (size_t i = 0; i < slots; i++) {
		size_t index = subset->by_order[i];

		if (index == MODULE_NONE || !subset->is_packed[index])
			continue;
		subset->priorities[index] = (uint32_t)subset->count;
		subset->by_order[subset->count++] = index;
	}
	return 0;
}

static int index_dependencies(const struct subset *subset, struct text *text, struct trie *trie)
{
	for (size_t i = 0; i < subset->count; i++) {
		const struct module *module = &subset->tree->modules[subset->by_order[i]];
		CLEANUP(text_free) struct text line = TEXT_EMPTY;
		int r;

		module_image_path(&line, module->path);
		text_add_char(&line, ':');
		for (size_t j = module->hard.count; j > 0; j--) {
			text_add_char(&line, ' ');
			module_image_path(&line,
					  subset->tree->modules[module->hard.items[j - 1]].path);
		}
		text_format(text, "%s\n", text_string(&line));
		r = trie_add(trie, module->name, text_string(&line), (uint32_t)i);
		if (r < 0)
			return r;
	}
	return 0;
}

bool module_index_alias(char *alias)
{
	const char *position = alias;

	while (*(position += strcspn(position, "[]")) != '\0') {
		if (*position == ']')
			return false;
		position = strchr(position, ']');
		if (!position)
			return false;
		position++;
	}
	module_name_normal(alias);
	return true;
}

static int index_aliases(const struct subset *subset, struct text *text, struct trie *trie)
{
	text_add(text, "# Aliases extracted from modules themselves.\n");
	for (size_t i = 0; i < subset->count; i++) {
		const struct module *module = &subset->tree->modules[subset->by_order[i]];

		for (size_t j = 0; j < module->aliases.count; j++) {
			CLEANUP(memory_free) char *alias = strdup(module->aliases.items[j]);
			int r = 0;

			if (!alias)
				return -ENOMEM;
			text_format(text, "alias %s %s\n", alias, module->name);
			if (module_index_alias(alias))
				r = trie_add(trie, alias, module->name, (uint32_t)i);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* what one module itself says; modprobe.d is not depmod's */
static void weakdeps_write(const struct module_config *config, const char *name, struct text *text)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct module_setting *setting = &config->settings[i];

		if (setting->verb != MODULE_WEAKDEP || !setting->is_own ||
		    !text_equal(setting->key, name))
			continue;
		if (text->length == 0)
			text_add(text, "# Weak dependencies extracted from modules themselves.\n");
		text_format(text, "weakdep %s %s\n", name, setting->rest);
	}
}

static int index_weakdeps(const struct subset *subset, struct text *text, struct trie *trie UNUSED)
{
	for (size_t i = 0; i < subset->count; i++)
		weakdeps_write(&subset->tree->config,
			       subset->tree->modules[subset->by_order[i]].name, text);
	return 0;
}

/* the module that a line of a text index is about, cut out of @line; NULL for none */
static char *word_last(char *line)
{
	char *blank = strrchr(line, ' ');

	return blank ? blank + 1 : NULL;
}

static char *word_first(char *line)
{
	line[strcspn(line, " ")] = '\0';
	return line;
}

static char *word_second(char *line)
{
	char *blank = strchr(line, ' ');

	return blank ? word_first(blank + 1) : NULL;
}

static char *word_path(char *line)
{
	char *slash = strrchr(line, '/');

	line = slash ? slash + 1 : line;
	line[strcspn(line, ".")] = '\0';
	return line;
}

/* a line "alias symbol:NAME MODULE" as a row */
static int symbol_add(const struct subset *subset, const char *line, size_t index,
		      struct trie *trie)
{
	const char *symbol = text_after(line, "alias ");
	CLEANUP(memory_free) char *key = symbol ? strndup(symbol, strcspn(symbol, " ")) : NULL;

	if (!symbol)
		return 0;
	if (!key)
		return -ENOMEM;
	return trie_add(trie, key, subset->tree->modules[index].name, subset->priorities[index]);
}

static const struct filter {
	const char *name;
	char *(*module)(char *line);
	bool has_trie;
} filters[] = {
	{ "modules.symbols", word_last, true },
	{ "modules.softdep", word_second, false },
	{ "modules.devname", word_first, false },
	{ "modules.order", word_path, false },
};

/* the lines of a text index that are about packed modules, and its comments */
static int index_filter(const struct subset *subset, const struct filter *filter,
			const char *content, struct text *text, struct trie *trie)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	CLEANUP(text_free) struct text scratch = TEXT_EMPTY;
	size_t length;

	for (; *content; content += length + (content[length] == '\n')) {
		const char *module;
		size_t index;
		int r = 0;

		length = strcspn(content, "\n");
		text_clear(&line);
		text_clear(&scratch);
		text_add_bytes(&line, content, length);
		text_add_bytes(&scratch, content, length);
		if (line.failed || scratch.failed)
			return -ENOMEM;
		if (*content != '#') {
			module = length ? filter->module(scratch.data) : NULL;
			index = module ? module_tree_find(subset->tree, module) : MODULE_NONE;
			if (index == MODULE_NONE || !subset->is_packed[index])
				continue;
			if (filter->has_trie)
				r = symbol_add(subset, text_string(&line), index, trie);
		}
		if (r < 0)
			return r;
		text_format(text, "%s\n", text_string(&line));
	}
	return 0;
}

/* the text form, and the binary one when there is a trie; takes @text over */
static int pair_add(struct module_index *index, const char *name, struct text *text,
		    struct trie *trie)
{
	CLEANUP(text_free) struct text binary = TEXT_EMPTY;
	int r;

	r = module_index_add(index, name, "", text);
	if (r < 0 || !trie)
		return r;
	r = trie_write(trie, &binary);
	return r < 0 ? r : module_index_add(index, name, ".bin", &binary);
}

/* depmod writes symbols as its hash table has them: in no order at all */
static int lines_sort(struct text *text)
{
	CLEANUP(strings_free) struct strings lines = STRINGS_EMPTY;
	char *rest = text->data;
	char *line;

	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		if (*line && strings_add(&lines, line) < 0)
			return -ENOMEM;
	}
	strings_sort(&lines, false); /* '#' stays before letters */
	text_clear(text);
	for (size_t i = 0; i < lines.count; i++)
		text_format(text, "%s\n", lines.items[i]);
	return 0;
}

static int filter_add(const struct sysroot *root, const struct kernel *kernel,
		      const struct subset *subset, const struct filter *filter,
		      struct module_index *index)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(trie_free) struct trie trie = TRIE_EMPTY;
	int r;

	r = module_tree_read(subset->tree, root, kernel, filter->name, &content);
	if (r == -ENOENT && !filter->has_trie)
		return 0;
	if (r >= 0 || r == -ENOENT)
		r = index_filter(subset, filter, text_string(&content), &text, &trie);
	if (r >= 0 && filter->has_trie)
		r = lines_sort(&text);
	if (r < 0)
		return r;
	return pair_add(index, filter->name, &text, filter->has_trie ? &trie : NULL);
}

static const struct made {
	const char *name;
	int (*make)(const struct subset *subset, struct text *text, struct trie *trie);
	bool has_trie; /* else it is left out when empty */
} made_indexes[] = {
	{ "modules.dep", index_dependencies, true },
	{ "modules.alias", index_aliases, true },
	{ "modules.weakdep", index_weakdeps, false },
};

int module_index_build(const struct sysroot *root, const struct kernel *kernel,
		       const struct module_tree *tree, const bool *is_packed,
		       struct module_index *ret_index)
{
	CLEANUP(module_index_free) struct module_index index = MODULE_INDEX_EMPTY;
	CLEANUP(subset_free) struct subset subset = { .tree = tree, .is_packed = is_packed };
	int r;

	r = subset_make(&subset);
	if (r < 0)
		return fail(r, "cannot write the module index");
	for (size_t i = 0; i < COUNT_OF(made_indexes); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		CLEANUP(trie_free) struct trie trie = TRIE_EMPTY;

		r = made_indexes[i].make(&subset, &text, &trie);
		if (r >= 0 && (made_indexes[i].has_trie || text.length))
			r = pair_add(&index, made_indexes[i].name, &text,
				     made_indexes[i].has_trie ? &trie : NULL);
		if (r < 0)
			return fail(r, "cannot write '%s'", made_indexes[i].name);
	}
	for (size_t i = 0; i < COUNT_OF(filters); i++) {
		r = filter_add(root, kernel, &subset, &filters[i], &index);
		if (r < 0)
			return fail(r, "cannot write '%s'", filters[i].name);
	}
	*ret_index = index;
	index = MODULE_INDEX_EMPTY;
	return 0;
}
