/* SPDX-License-Identifier: Apache-2.0 */
/*
 * firmware.c - the firmware files that the packed modules may ask the kernel for (see modules.h)
 *
 * In:    packed modules: their firmware= lines
 * Out:   entries for the files that the root has; the others' names in resolve->missing
 * Not:   firmware that no module declares: a profile names such files
 * Facts: folders, suffixes and their order: the kernel's drivers/base/firmware_loader/main.c,
 *        fw_path[] and _request_firmware(). All folders are tried without a suffix first. Some
 *        names are patterns (brcmfmac): MODULE_FIRMWARE() says what may be asked for. A kernel
 *        reads .xz with FW_LOADER_COMPRESS_XZ, .zst with FW_LOADER_COMPRESS_ZSTD; before 5.19
 *        there was FW_LOADER_COMPRESS alone, for .xz.
 *
 * A compressed file goes in as it is, which spares memory, when the kernel's configuration says
 * that it can read it. Else it is unpacked: an image with which no driver finds its firmware is
 * worse than a larger one.
 */
#include <errno.h>
#include <string.h>

#include "modules.h"
#include "fail.h"
#include "kernel_config.h"

#define LINKS_MOST 40 /* of symlinks in a chain, as the kernel has it */

static const struct {
	const char *suffix, *option;
} forms[] = {
	{ "", NULL },
	{ ".zst", "FW_LOADER_COMPRESS_ZSTD" },
	{ ".xz", "FW_LOADER_COMPRESS_XZ" },
};

struct firmware {
	const struct modules *modules;
	struct resolve *resolve;
	struct strings folders; /* those that exist */
	struct strings missing;
	bool is_asked; /* the kernel's configuration was looked at: */
	bool can_read[COUNT_OF(forms)];
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

/* ---- compressed files ---- */

static bool is_before_5_19(const char *release)
{
	char *end;
	unsigned long major = strtoul(release, &end, 10);
	unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;

	return major < 5 || (major == 5 && minor < 19);
}

static void kernel_ask(struct firmware *firmware)
{
	CLEANUP(kernel_config_cleanup) struct kernel_config *config = NULL;
	const struct kernel *kernel = firmware->modules->kernel;

	firmware->is_asked = true;
	if (kernel_config_open(firmware->modules->root, kernel, &config) < 0) {
		note("no configuration of kernel %s: compressed firmware is unpacked",
		     kernel->release);
		return;
	}
	for (size_t i = 0; i < COUNT_OF(forms); i++)
		firmware->can_read[i] =
			forms[i].option && kernel_config_get(config, forms[i].option) == 'y';
	if (is_before_5_19(kernel->release) &&
	    kernel_config_get(config, "FW_LOADER_COMPRESS") == 'y')
		firmware->can_read[2] = true;
}

static int add_failed(int error, const char *path)
{
	return fail(error, "cannot pack the firmware '%s'", path);
}

/* where a symlink at @path leads, as it stands; both without the last @cut characters */
static int link_add(const struct firmware *firmware, const char *place, const char *target,
		    size_t cut, const char *by)
{
	CLEANUP(memory_free) char *short_target = strndup(target, strlen(target) - cut);
	const struct addition addition = {
		.path = place,
		.type = ENTRY_SYMLINK,
		.mode = 0777,
		.target = short_target,
		.source = { .directory_fd = -1 },
		.relation = "firmware",
		.by = by,
	};

	return short_target ? manifest_add(firmware->resolve->manifest, &addition, NULL)
			    : add_failed(-ENOMEM, place);
}

static int unpacked_file_add(const struct firmware *firmware, const char *place, char *path,
			     const char *by)
{
	const struct addition addition = {
		.path = place,
		.type = ENTRY_FILE,
		.mode = 0644,
		.source = { .kind = SOURCE_ROOT,
			    .directory_fd = firmware->modules->root->fd,
			    .path = path,
			    .decompress = true },
		.relation = "firmware",
		.by = by,
	};
	const struct entry *there = manifest_find(firmware->resolve->manifest, place);

	/* one that is not compressed counts more */
	if (there && (!there->source.path || !text_equal(there->source.path, path)))
		return 0;
	return manifest_add(firmware->resolve->manifest, &addition, NULL);
}

/* @path, with its symlinks, under names without @suffix; speaks */
static int unpacked_add(const struct firmware *firmware, const char *from, const char *suffix,
			const char *by)
{
	CLEANUP(memory_free) char *path = strdup(from);
	size_t cut = strlen(suffix);

	for (unsigned i = 0; path && i < LINKS_MOST; i++) {
		CLEANUP(memory_free) char *plain = strndup(path, strlen(path) - cut);
		CLEANUP(memory_free) char *place = NULL;
		CLEANUP(memory_free) char *target = NULL;
		char *next = NULL;
		int r;

		r = plain ? resolve_place(firmware->resolve, plain, "firmware", NULL, &place)
			  : add_failed(-ENOMEM, from);
		if (r < 0)
			return r;
		r = sysroot_readlink(firmware->modules->root, path, &target);
		/* no symlink, or one that leads to another kind of name: its content */
		if (r < 0 || !text_ends_with(target, suffix))
			return unpacked_file_add(firmware, place, path, by);
		r = link_add(firmware, place, target, cut, by);
		if (r < 0)
			return r;
		r = *target == '/' ? asprintf(&next, "%s", target)
				   : asprintf(&next, "%.*s/%s", (int)(strrchr(path, '/') - path),
					      path, target);
		free(path);
		path = r < 0 ? NULL : next;
	}
	return add_failed(path ? -ELOOP : -ENOMEM, from);
}

/* ---- names ---- */

/* one path, or all that match a pattern. Return: files added, or -errno (spoken) */
static int path_add(struct firmware *firmware, const char *path, size_t form, bool is_pattern,
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
		if (form && !firmware->is_asked)
			kernel_ask(firmware);
		if (form && !firmware->can_read[form])
			r = unpacked_add(firmware, paths.items[i], forms[form].suffix, by);
		else
			r = resolve_path(firmware->resolve, paths.items[i], "firmware", by,
					 &nowhere, false);
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

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		for (size_t j = 0; j < firmware->folders.count; j++) {
			CLEANUP(text_free) struct text path = TEXT_EMPTY;
			int r;

			text_format(&path, "%s/%s%s", firmware->folders.items[j], name,
				    forms[i].suffix);
			r = path.failed ? fail(-ENOMEM, "firmware '%s'", name)
					: path_add(firmware, text_string(&path), i, is_pattern, by);
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
	struct firmware firmware = { .modules = modules, .resolve = resolve };
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
