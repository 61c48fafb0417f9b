/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_firmware.c - is the firmware there that a module of the image names?
 *
 * In:    what a module says of itself; the image's tree, the root
 * Out:   findings
 * Facts: firmware is looked for below /lib/firmware in updates/RELEASE, updates, RELEASE and itself
 *        (kernel drivers/base/firmware_loader/main.c), also as .xz and .zst
 */
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"

static bool is_pattern(const char *name)
{
	return strpbrk(name, "*?[") != NULL;
}

static bool image_has(const struct image_tree *tree, const char *path)
{
	if (!is_pattern(path))
		return image_tree_resolve(tree, path, true, NULL, NULL) == 1;
	for (size_t i = 0; i < tree->count; i++)
		if (fnmatch(path, tree->nodes[i]->path, FNM_PATHNAME) == 0 ||
		    (text_after(tree->nodes[i]->path, "usr/") &&
		     fnmatch(path, tree->nodes[i]->path + 4, FNM_PATHNAME) == 0))
			return true;
	return false;
}

static bool root_has(const struct sysroot *root, const char *path)
{
	CLEANUP(strings_free) struct strings found = STRINGS_EMPTY;
	CLEANUP(text_free) struct text absolute = TEXT_EMPTY;
	struct stat status;

	text_format(&absolute, "/%s", path);
	if (!is_pattern(path))
		return sysroot_stat(root, text_string(&absolute), true, &status) == 0;
	return sysroot_glob(root, text_string(&absolute), &found) == 0 && found.count;
}

/* whether @name is in the image (@in_root: in the root) at any of its places */
static bool has_firmware(const struct check *check, const char *release, const char *name,
			 bool in_root)
{
	static const char *const suffixes[] = { "", ".xz", ".zst" };
	CLEANUP(text_free) struct text updates = TEXT_EMPTY;
	CLEANUP(text_free) struct text own = TEXT_EMPTY;
	const char *folders[] = { NULL, "updates/", NULL, "" };

	text_format(&updates, "updates/%s/", release);
	text_format(&own, "%s/", release);
	folders[0] = text_string(&updates);
	folders[2] = text_string(&own);
	for (size_t i = 0; i < COUNT_OF(folders) * COUNT_OF(suffixes); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "lib/firmware/%s%s%s", folders[i / COUNT_OF(suffixes)], name,
			    suffixes[i % COUNT_OF(suffixes)]);
		if (in_root ? root_has(check->root, text_string(&path))
			    : image_has(&check->tree, text_string(&path)))
			return true;
	}
	return false;
}

size_t check_firmware(struct check *check, const char *release, const struct tree_node *node,
		      const struct module_fact *fact)
{
	size_t nowhere = 0;

	for (size_t i = 0; i < fact->firmware.count; i++) {
		const char *name = fact->firmware.items[i];

		if (has_firmware(check, release, name, false))
			continue;
		if (has_firmware(check, release, name, true))
			check_find(check, CHECK_FIRMWARE_MISSING, node->path,
				   "names the firmware '%s', which the root '%s' has and the image "
				   "lacks; "
				   "build again with 'kernel: firmware: auto', or accept it",
				   name, check->root->path);
		else
			nowhere++;
	}
	return nowhere;
}
