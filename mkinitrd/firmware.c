/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firmware.c - the firmware files that the packed modules may ask the kernel for (see modules.h)
 *
 * In:    packed modules: their firmware= lines
 * Out:   entries for the files that the root has; the others' names in resolve->missing
 * Not:   firmware that no module declares: a profile names such files
 * Facts: folders, suffixes and their order: the kernel's drivers/base/firmware_loader/main.c,
 *        fw_path[] and _request_firmware(). All folders are tried without a suffix first. Some
 *        names are patterns (brcmfmac): MODULE_FIRMWARE() says what may be asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "modules.h"
#include "decompress.h"
#include "fail.h"

static const char *const suffixes[] = { "", ".zst", ".xz" };

struct firmware {
	const struct modules *modules;
	struct resolve *resolve;
	struct strings folders; /* those that exist */
	struct strings missing;
};

static void firmware_free(struct firmware *firmware)
{
	strings_free(&firmware->folders);
	strings_free(&firmware->missing);
}

static int folders_find(struct firmware *firmware)
{
	const char *release = firmware->modules->kernel->release;
	CLEANUP(strings_free) struct strings all = STRINGS_EMPTY;
	struct stat status;

	if (strings_add_format(&all, "/lib/firmware/updates/%s", release) < 0 ||
	    strings_add(&all, "/lib/firmware/updates") < 0 ||
	    strings_add_format(&all, "/lib/firmware/%s", release) < 0 ||
	    strings_add(&all, "/lib/firmware") < 0)
		return -ENOMEM;
	for (size_t i = 0; i < all.count; i++) {
		if (sysroot_stat(firmware->modules->root, all.items[i], true, &status) == 0 &&
		    strings_add(&firmware->folders, all.items[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* one path, or all that match a pattern. Return: files added, or -errno (spoken) */
static int path_add(const struct firmware *firmware, const char *path, bool is_pattern,
		    const char *by)
{
	CLEANUP(strings_free) struct strings paths = STRINGS_EMPTY;
	static const struct origin nowhere;
	struct stat status;
	int count = 0;
	int r;

	r = is_pattern ? sysroot_glob(firmware->modules->root, path, &paths)
		       : strings_add(&paths, path);
	if (r < 0)
		return fail(r, "cannot look for firmware '%s'", path);
	for (size_t i = 0; i < paths.count; i++) {
		if (sysroot_stat(firmware->modules->root, paths.items[i], true, &status) < 0 ||
		    !S_ISREG(status.st_mode))
			continue;
		r = resolve_path(firmware->resolve, paths.items[i], "firmware", by, &nowhere,
				 false);
		if (r < 0 && r != -ENOENT)
			return r;
		count += r >= 0;
	}
	return count;
}

/* speaks */
static int name_add(struct firmware *firmware, const char *name, const char *by)
{
	bool is_pattern = strpbrk(name, "*?[") != NULL;
	int count = 0;

	for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
		for (size_t j = 0; j < firmware->folders.count; j++) {
			CLEANUP(text_free) struct text path = TEXT_EMPTY;
			int r;

			text_format(&path, "%s/%s%s", firmware->folders.items[j], name,
				    suffixes[i]);
			r = path.failed ? fail(-ENOMEM, "firmware '%s'", name)
					: path_add(firmware, text_string(&path), is_pattern, by);
			if (r < 0)
				return r;
			count += r;
			if (count && !is_pattern)
				return 0;
		}
	}
	if (count == 0 && strings_add(&firmware->missing, name) < 0)
		return fail(-ENOMEM, "firmware '%s'", name);
	return 0;
}

/* speaks */
static int module_firmware(struct firmware *firmware, size_t index)
{
	const struct modules *modules = firmware->modules;
	const struct strings *names = &modules->tree.modules[index].firmware;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < names->count; i++)
		r = name_add(firmware, names->items[i], modules->choices[index].entry);
	return r;
}

int modules_pack_firmware(const struct modules *modules, struct resolve *resolve)
{
	CLEANUP(firmware_free)
	struct firmware firmware = { modules, resolve, STRINGS_EMPTY, STRINGS_EMPTY };
	int r;

	if (folders_find(&firmware) < 0)
		return fail(-ENOMEM, "cannot look for firmware");
	for (size_t i = 0; i < modules->packed.count; i++) {
		r = module_firmware(&firmware, modules->packed.items[i]);
		if (r < 0)
			return r;
	}
	strings_sort(&firmware.missing, true);
	for (size_t i = 0; i < firmware.missing.count; i++) {
		if (strings_add(&resolve->missing.firmware, firmware.missing.items[i]) < 0)
			return fail(-ENOMEM, "cannot look for firmware");
	}
	return 0;
}
