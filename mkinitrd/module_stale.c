/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_stale.c - do the indexes of a kernel's modules still fit? (see module_tree.h)
 *
 * In:    modules.dep, the files below the kernel's directory
 * Out:   yes or no, and the first file that only one of them has
 * Not:   new indexes (module_depend.c)
 * Facts: times say nothing: packages bring files with the times of their making, and depmod runs
 *        later. modprobe believes modules.dep: it does not find a module that is missing there, and
 *        fails to open one that is gone.
 */
#include <errno.h>
#include <string.h>

#include "module_scan.h"
#include "module_tree.h"

#define INDEX_LIMIT ((size_t)64 << 20)

/* the paths at the starts of the lines */
static int known_read(char *text, struct strings *paths)
{
	char *line;
	int r = 0;

	while (r == 0 && text && (line = strsep(&text, "\n")) != NULL) {
		line[strcspn(line, ":")] = '\0';
		if (*line)
			r = strings_add(paths, line);
	}
	strings_sort(paths, true);
	return r;
}

static int there_read(const struct sysroot *root, const struct kernel *kernel,
		      struct strings *paths)
{
	CLEANUP(module_files_free) struct module_files files = MODULE_FILES_EMPTY;
	int r = module_scan(root, kernel, &files);

	for (size_t i = 0; r == 0 && i < files.count; i++)
		r = strings_add(paths, files.items[i].path);
	strings_sort(paths, true);
	return r;
}

int module_tree_is_stale(const struct sysroot *root, const struct kernel *kernel, struct text *why)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings known = STRINGS_EMPTY;
	CLEANUP(strings_free) struct strings there = STRINGS_EMPTY;
	size_t i = 0;
	int r;

	text_format(&path, "%s/modules.dep", kernel->directory);
	r = path.failed ? -ENOMEM : sysroot_read(root, text_string(&path), INDEX_LIMIT, &content);
	if (r >= 0)
		r = known_read(content.data, &known);
	if (r >= 0)
		r = there_read(root, kernel, &there);
	if (r < 0)
		return r;
	while (i < known.count && i < there.count && text_equal(known.items[i], there.items[i]))
		i++;
	if (i == known.count && i == there.count)
		return 0;
	if (i == there.count || (i < known.count && strcmp(known.items[i], there.items[i]) < 0))
		text_format(why, "'%s' is not there", known.items[i]);
	else
		text_format(why, "it does not know '%s'", there.items[i]);
	return why->failed ? -ENOMEM : 1;
}
