/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_stale.c - do the indexes of a kernel's modules still fit? (see module_tree.h)
 *
 * In:    modules.dep, the files below the kernel's directory
 * Out:   yes or no, and the first file that only one of them has
 * Not:   new indexes (module_depend.c)
 * Facts: lines with absolute paths are of folders outside of the kernel's, which depmod was told of
 *        ("external", depmod.d(5)), or which weigh more than a file here with that name.
 *        Times say nothing: packages bring files with the times of their making, and depmod runs
 *        later. modprobe believes modules.dep: it does not find a module that is missing there, and
 *        fails to open one that is gone.
 */
#include <errno.h>
#include <string.h>

#include "module_scan.h"
#include "module_tree.h"

#define INDEX_LIMIT ((size_t)64 << 20)

/* what modules.dep lists */
struct known {
	struct strings paths;    /* below the kernel's directory */
	struct strings shadowed; /* names of absolute paths: a file here does not count */
};

static void known_free(struct known *known)
{
	strings_free(&known->paths);
	strings_free(&known->shadowed);
}

/* the paths at the starts of the lines */
static int known_read(char *text, struct known *known)
{
	char *line;
	int r = 0;

	while (r == 0 && text && (line = strsep(&text, "\n")) != NULL) {
		CLEANUP(memory_free) char *name = NULL;

		line[strcspn(line, ":")] = '\0';
		if (*line == '\0')
			continue;
		if (*line != '/') {
			r = strings_add(&known->paths, line);
			continue;
		}
		name = module_name_from_path(line);
		r = name ? strings_add(&known->shadowed, name) : -ENOMEM;
	}
	strings_sort(&known->paths, true);
	return r;
}

static int there_read(const struct sysroot *root, const struct kernel *kernel,
		      const struct strings *shadowed, struct strings *paths)
{
	CLEANUP(module_files_free) struct module_files files = MODULE_FILES_EMPTY;
	int r = module_scan(root, kernel, &files);

	for (size_t i = 0; r == 0 && i < files.count; i++)
		if (!strings_contain(shadowed, files.items[i].name))
			r = strings_add(paths, files.items[i].path);
	strings_sort(paths, true);
	return r;
}

int module_tree_is_stale(const struct sysroot *root, const struct kernel *kernel, struct text *why)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	CLEANUP(known_free) struct known all = { .paths = STRINGS_EMPTY };
	const struct strings *known = &all.paths;
	CLEANUP(strings_free) struct strings there = STRINGS_EMPTY;
	size_t i = 0;
	int r;

	text_format(&path, "%s/modules.dep", kernel->directory);
	r = path.failed ? -ENOMEM : sysroot_read(root, text_string(&path), INDEX_LIMIT, &content);
	if (r >= 0)
		r = known_read(content.data, &all);
	if (r >= 0)
		r = there_read(root, kernel, &all.shadowed, &there);
	if (r < 0)
		return r;
	while (i < known->count && i < there.count && text_equal(known->items[i], there.items[i]))
		i++;
	if (i == known->count && i == there.count)
		return 0;
	if (i == there.count || (i < known->count && strcmp(known->items[i], there.items[i]) < 0))
		text_format(why, "'%s' is not there", known->items[i]);
	else
		text_format(why, "it does not know '%s'", there.items[i]);
	return why->failed ? -ENOMEM : 1;
}
