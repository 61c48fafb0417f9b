/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_builtin.c - the binary indexes of what is built into a kernel (see module_depend.h)
 *
 * In:    modules.builtin and modules.builtin.modinfo, which come with the kernel
 * Out:   modules.builtin.bin, modules.builtin.alias.bin
 * Not:   modules with files (module_depend.c)
 * Facts: modules.builtin has a path a line. modules.builtin.modinfo is a run of NUL-ended
 *        "MODULE.KEY=VALUE" (since Linux 5.2). All priorities are 0: kmod's tools/depmod.c,
 *        output_builtin_bin(), output_builtin_alias_bin()
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "module_depend.h"
#include "module_scan.h"
#include "module_tree.h"
#include "module_trie.h"

#define INDEX_LIMIT ((size_t)64 << 20)

static int names_add(struct text *content, struct trie *trie)
{
	char *rest = content->data;
	char *line;
	int r = 0;

	while (r != -ENOMEM && rest && (line = strsep(&rest, "\n")) != NULL) {
		CLEANUP(memory_free) char *name = NULL;

		if (!isalpha((unsigned char)*line))
			continue;
		name = module_name_from_path(line);
		/* -EINVAL: no ASCII, which no module is named in */
		r = name ? trie_add(trie, name, "", 0) : -ENOMEM;
	}
	return r == -ENOMEM ? r : 0;
}

/* "MODULE.alias=VALUE", which is modified */
static int alias_add(char *line, struct trie *trie)
{
	char *key = strchr(line, '.');
	char *value = key ? strchr(key, '=') : NULL;

	if (!value || key == line)
		return 0;
	*key++ = '\0';
	*value++ = '\0';
	if (!text_equal(key, "alias") || *value == '\0' || !module_index_alias(value))
		return 0;
	return trie_add(trie, value, line, 0);
}

static int aliases_add(struct text *content, struct trie *trie)
{
	int r = 0;

	/* a text ends in a NUL of its own */
	for (size_t at = 0; r != -ENOMEM && at < content->length;) {
		size_t length = strlen(content->data + at);

		r = alias_add(content->data + at, trie);
		at += length + 1;
	}
	return r == -ENOMEM ? r : 0;
}

int module_builtin(const struct sysroot *root, const struct kernel *kernel,
		   struct module_index *index)
{
	static const struct {
		const char *from, *to;
		int (*add)(struct text *content, struct trie *trie);
	} rows[] = {
		{ "modules.builtin", "modules.builtin", names_add },
		{ "modules.builtin.modinfo", "modules.builtin.alias", aliases_add },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		CLEANUP(text_free) struct text content = TEXT_EMPTY;
		CLEANUP(text_free) struct text binary = TEXT_EMPTY;
		CLEANUP(trie_free) struct trie trie = TRIE_EMPTY;
		int r;

		text_format(&path, "%s/%s", kernel->directory, rows[i].from);
		r = path.failed ? -ENOMEM
				: sysroot_read(root, text_string(&path), INDEX_LIMIT, &content);
		if (r == -ENOENT && i > 0)
			continue;
		if (r >= 0)
			r = rows[i].add(&content, &trie);
		if (r >= 0 || r == -ENOENT) /* libkmod wants modules.builtin.bin */
			r = trie_write(&trie, &binary);
		if (r >= 0)
			r = module_index_add(index, rows[i].to, ".bin", &binary);
		if (r < 0)
			return r;
	}
	return 0;
}
