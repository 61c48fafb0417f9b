/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_chain.c - what a disk of the host stands on (see host.h)
 *
 * In:    sysfs: the folders above the disk's are the devices that it hangs on; "slaves" are the
 *        disks below one that the kernel made of others
 * Out:   paths of devices, and names of modules for what no device stands for
 * Facts: Documentation/admin-guide/md.rst: md/level; drivers/md/dm-uevent.c: prefixes of dm/uuid
 *        are the makers': "LVM-", "CRYPT-", "mpath-"; Documentation/ABI/testing/sysfs-fs-btrfs:
 *        devices/; NVMe with several paths to a namespace has its disks in a virtual subsystem,
 *        whose links lead to the controllers
 */
#include <errno.h>
#include <string.h>

#include "host.h"

#define TOP "/sys/devices/"
#define DEVICES_MOST 1024

/* how the kernel calls disks that it makes, and the modules that make them */
static const struct {
	const char *prefix, *module;
} makers[] = {
	{ "dm-", "dm_mod" }, { "md", "md_mod" }, { "bcache", "bcache" }, { "nbd", "nbd" },
	{ "drbd", "drbd" },  { "rbd", "rbd" },   { "pmem", "nd_pmem" },
};

/* what dm/uuid begins with, and the target that the disk has then */
static const struct {
	const char *prefix, *module;
} targets[] = {
	{ "CRYPT-VERITY-", "dm_verity" },
	{ "CRYPT-", "dm_crypt" },
	{ "mpath-", "dm_multipath" },
};

static int module_add(struct host_disk *disk, const char *name)
{
	return strings_contain(&disk->modules, name) ? 0 : strings_add(&disk->modules, name);
}

/* modules of a disk that is made of others, or of nothing */
static int makers_add(const struct sysroot *host, struct host_disk *disk, const char *path)
{
	CLEANUP(memory_free) char *uuid = host_read(host, TOP "%s/dm/uuid", path);
	CLEANUP(memory_free) char *level = host_read(host, TOP "%s/md/level", path);
	const char *name = text_after(path, "virtual/block/");
	int r = 0;

	for (size_t i = 0; name && r == 0 && i < COUNT_OF(makers); i++)
		if (text_after(name, makers[i].prefix))
			r = module_add(disk, makers[i].module);
	for (size_t i = 0; uuid && r == 0 && i < COUNT_OF(targets); i++)
		if (text_after(uuid, targets[i].prefix)) {
			r = module_add(disk, targets[i].module);
			break;
		}
	if (r == 0 && level) {
		CLEANUP(text_free) struct text alias = TEXT_EMPTY;

		text_format(&alias, "md-%s", level);
		r = alias.failed ? -ENOMEM : module_add(disk, text_string(&alias));
	}
	return r;
}

static int chain_add(const struct sysroot *host, struct host_disk *disk, const char *path);

/* what the symlinks in a folder lead to; @prefix: those whose names begin so */
// NOLINTNEXTLINE(misc-no-recursion): each device once
static int links_add(const struct sysroot *host, struct host_disk *disk, const char *folder,
		     const char *prefix)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	const struct dirent *child;
	int r = 0;

	if (sysroot_opendir(host, folder, &directory) < 0)
		return 0;
	while (r == 0 && (child = readdir(directory)))
		if (child->d_name[0] != '.' && text_after(child->d_name, prefix))
			r = strings_add(&names, child->d_name);
	strings_sort(&names, true);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		CLEANUP(memory_free) char *canonical = NULL;
		CLEANUP(memory_free) char *target = NULL;
		const char *inside;

		text_format(&path, "%s/%s", folder, names.items[i]);
		if (path.failed)
			return -ENOMEM;
		if (sysroot_readlink(host, text_string(&path), &target) < 0 ||
		    sysroot_canonical(host, text_string(&path), &canonical, NULL) < 0)
			continue;
		inside = text_after(canonical, TOP);
		if (inside && host_word(inside))
			r = chain_add(host, disk, inside);
	}
	return r;
}

/* one folder of sysfs, and what it leads to besides the folders above it */
// NOLINTNEXTLINE(misc-no-recursion): each device once
static int step_add(const struct sysroot *host, struct host_disk *disk, const char *path)
{
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;
	CLEANUP(memory_free) char *bus = host_link(host, TOP "%s/subsystem", path);
	int r = strings_add(&disk->devices, path);

	if (r == 0)
		r = makers_add(host, disk, path);
	text_format(&folder, TOP "%s/slaves", path);
	if (r == 0 && !folder.failed)
		r = links_add(host, disk, text_string(&folder), "");
	text_clear(&folder);
	text_format(&folder, TOP "%s", path);
	if (r == 0 && !folder.failed && bus && text_equal(bus, "nvme-subsystem"))
		r = links_add(host, disk, text_string(&folder), "nvme");
	return r == 0 && folder.failed ? -ENOMEM : r;
}

// NOLINTNEXTLINE(misc-no-recursion): each device once
static int chain_add(const struct sysroot *host, struct host_disk *disk, const char *path)
{
	CLEANUP(memory_free) char *step = strdup(path);
	char *slash;

	if (!step)
		return -ENOMEM;
	while (!strings_contain(&disk->devices, step) && disk->devices.count < DEVICES_MOST) {
		int r = step_add(host, disk, step);

		if (r < 0)
			return r;
		slash = strrchr(step, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return 0;
}

/* a btrfs can have several disks: all of them */
static int siblings_add(const struct sysroot *host, struct host_disk *disk)
{
	CLEANUP(strings_free) struct strings found = STRINGS_EMPTY;
	CLEANUP(text_free) struct text pattern = TEXT_EMPTY;
	int r = 0;

	text_format(&pattern, "/sys/fs/btrfs/*/devices/%s", disk->name);
	if (pattern.failed)
		return -ENOMEM;
	if (strpbrk(disk->name, "*?[{\\") || sysroot_glob(host, text_string(&pattern), &found) < 0)
		return 0;
	for (size_t i = 0; r == 0 && i < found.count; i++) {
		*strrchr(found.items[i], '/') = '\0';
		r = links_add(host, disk, found.items[i], "");
	}
	return r;
}

int host_chain(const struct sysroot *host, struct host_disk *disk)
{
	CLEANUP(memory_free) char *path = host_block_path(host, disk->name);
	int r = path ? chain_add(host, disk, path) : 0;

	return r < 0 ? r : siblings_add(host, disk);
}
