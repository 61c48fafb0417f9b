/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_host_disks.c - which modules do the host's disks need? (see resolve_host.h)
 *
 * In:    disks with their file systems, and what they stand on
 * Out:   wishes; an error when a disk that must be there would not be
 * Not:   the host's other devices (resolve_host.c); reading all that (host_disks.c, host_chain.c)
 * Facts: mount(2) asks for "fs-TYPE"; fs/fat asks for nls_cpN and nls_NAME
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "resolve_host.h"
#include "../init/lib/cow.h"

static bool is_required(const struct host_disk *disk)
{
	return disk->is_root || disk->find;
}

/* a null with the very name of a module that the kernel does not even have */
static bool name_is_excluded(const struct host_resolve *work, const char *name)
{
	const struct module module = { .name = strdup(name) };
	bool is_excluded = false;

	if (!module.name)
		return false;
	module_name_normal(module.name);
	for (size_t i = 0; work->wanted && i < work->wanted->count; i++)
		if (work->wanted->items[i]->kind == VALUE_NULL)
			is_excluded |= module_matches(work->wanted->keys[i], &module);
	free(module.name);
	return is_excluded;
}

/* what @disk needs and the kernel does not have; @what: "its file system 'xfs'" */
static int disk_lacks(struct host_resolve *work, const struct host_disk *disk, const char *what,
		      int outcome, const char *exclude)
{
	const struct modules *modules = work->modules;
	CLEANUP(text_free) struct text where = TEXT_EMPTY;
	const char *why = outcome == FOUND_BANNED ? "modprobe.d blacklists it"
						  : "that has neither a module for it nor has it "
						    "built in";

	if (outcome == FOUND || outcome == FOUND_EXCLUDED)
		return 0;
	if (name_is_excluded(work, exclude)) {
		note("host disk %s: %s is excluded by '%s: null'", disk->name, what, exclude);
		return 0;
	}
	if (!is_required(disk)) {
		note("host disk %s: needs %s, and kernel %s: %s, skipping", disk->name, what,
		     modules->kernel->release, why);
		return strings_add(&work->resolve->missing.modules, exclude);
	}
	origin_format(&where, &work->at, false);
	if (disk->find)
		text_format(&where, ", %s", disk->names.items[0]);
	return fail(0,
		    "the disk '%s'%s of this host needs %s, and kernel %s of the root '%s': %s "
		    "(host-modules, %s); install it, name another kernel with -k, or go without: "
		    "kernel.modules.%s=null",
		    disk->name, disk->is_root ? ", mounted at '/'," : "", what,
		    modules->kernel->release, modules->root->path, why, text_string(&where),
		    exclude);
}

/* one device below a disk; @is_nearest: without its driver there is no disk */
static int disk_device(struct host_resolve *work, const struct host_disk *disk, size_t at,
		       bool is_nearest)
{
	const struct host_device *device = &work->devices.items[at];
	CLEANUP(text_free) struct text who = TEXT_EMPTY;
	CLEANUP(text_free) struct text what = TEXT_EMPTY;
	int r;

	text_format(&who, "host disk %s, device ", disk->name);
	host_device_name(&who, device);
	r = who.failed ? -ENOMEM : host_device_look_up(work, device, text_string(&who));
	work->outcomes[at] = r;
	if (r < 0 || r >= FOUND_EXCLUDED || !device->driver)
		return r < 0 ? r : 0;
	if (!is_nearest && !device->is_loaded && r == FOUND_NOTHING)
		return host_device_lost(work, device,
					text_string(&who)); /* of no kernel a module */
	text_format(&what, "the driver '%s' of ", device->module ? device->module : device->driver);
	host_device_name(&what, device);
	return disk_lacks(work, disk, text_string(&what), r,
			  device->module ? device->module : device->driver);
}

static int disk_devices(struct host_resolve *work, const struct host_disk *disk)
{
	bool is_nearest = true;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < disk->devices.count; i++) {
		const char *path = disk->devices.items[i];
		size_t at = 0;

		while (at < work->devices.count && !text_equal(work->devices.items[at].path, path))
			at++;
		if (at == work->devices.count)
			continue;
		if (work->outcomes[at] == NOT_ASKED)
			r = disk_device(work, disk, at, is_nearest);
		if (work->devices.items[at].driver)
			is_nearest = false;
	}
	return r;
}

/* modules by name or alias that no device stands for */
static int disk_modules(struct host_resolve *work, const struct host_disk *disk)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < disk->modules.count; i++) {
		CLEANUP(text_free) struct text who = TEXT_EMPTY;
		CLEANUP(text_free) struct text what = TEXT_EMPTY;
		const char *name = disk->modules.items[i];

		text_format(&who, "host disk %s", disk->name);
		text_format(&what, "'%s'", name);
		if (who.failed || what.failed)
			return -ENOMEM;
		r = host_look_up(work, name,
				 &(struct asking){ text_string(&who), disk->name, NULL });
		if (r >= 0)
			r = disk_lacks(work, disk, text_string(&what), r, name);
	}
	return r;
}

/* FAT asks for its code pages when it is mounted, by names that stand in the mount's options; of
 * one that is not mounted, the ones that kernels are built to ask for. A kernel has them built in
 * or not */
static int code_pages(struct host_resolve *work, const struct host_disk *disk, const char *who)
{
	static const struct {
		const char *option, *module;
	} rows[] = { { "codepage=", "nls_cp" }, { "iocharset=", "nls_" } };
	static const char *const usual[] = { "nls_cp437", "nls_ascii", "nls_iso8859_1" };
	bool is_fat = text_equal(disk->type, "vfat") || text_equal(disk->type, "msdos");
	const char *options = disk->options ? disk->options : "";
	int r = 0;

	for (size_t i = 0; r >= 0 && i < COUNT_OF(rows); i++) {
		const char *at = strstr(options, rows[i].option);
		CLEANUP(text_free) struct text name = TEXT_EMPTY;

		if (!at)
			continue;
		at += strlen(rows[i].option);
		text_format(&name, "%s%.*s", rows[i].module, (int)strcspn(at, ","), at);
		if (name.failed)
			return -ENOMEM;
		r = host_look_up(work, text_string(&name),
				 &(struct asking){ who, disk->name, NULL });
	}
	for (size_t i = 0; r >= 0 && is_fat && !*options && i < COUNT_OF(usual); i++)
		r = host_look_up(work, usual[i], &(struct asking){ who, disk->name, NULL });
	return r;
}

static int disk_type(struct host_resolve *work, const struct host_disk *disk)
{
	/* types that the module of another one mounts, for kernels that do not say so of what they
	 * have built in (before 5.2) */
	static const char *const others[][2] = {
		{ "ext2", "ext4" },
		{ "ext3", "ext4" },
		{ "fuseblk", "fuse" },
		{ "iso9660", "isofs" },
	};
	CLEANUP(text_free) struct text who = TEXT_EMPTY;
	CLEANUP(text_free) struct text what = TEXT_EMPTY;
	CLEANUP(text_free) struct text alias = TEXT_EMPTY;
	const char *name = disk->type;
	struct asking asking;
	int r;

	if (!disk->type)
		return 0;
	text_format(&who, "host disk %s, file system %s", disk->name, disk->type);
	text_format(&what, "its file system '%s'", disk->type);
	text_format(&alias, "fs-%s", disk->type);
	if (who.failed || what.failed || alias.failed)
		return -ENOMEM;
	asking = (struct asking){ text_string(&who), disk->name, NULL };
	r = host_look_up(work, text_string(&alias), &asking);
	for (size_t i = 0; i < COUNT_OF(others); i++)
		if (text_equal(others[i][0], name) && r == FOUND_NOTHING)
			name = others[i][1];
	if (r == FOUND_NOTHING)
		r = host_look_up(work, name, &asking);
	if (r >= 0)
		r = disk_lacks(work, disk, text_string(&what), r, name);
	return r < 0 ? r : code_pages(work, disk, text_string(&who));
}

/* required ones first: what they share with the others is theirs */
int host_disks_resolve(struct host_resolve *work)
{
	int r = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; r >= 0 && i < work->disks.count; i++) {
			const struct host_disk *disk = &work->disks.items[i];

			if (is_required(disk) != (pass == 0))
				continue;
			r = disk_type(work, disk);
			if (r >= 0)
				r = disk_modules(work, disk);
			if (r >= 0)
				r = disk_devices(work, disk);
		}
	return r;
}

/* which disk a text of boot.root.cow names, if it names one; @text is taken */
static int cow_disk(char **text)
{
	CLEANUP(cow_free) struct cow cow = COW_EMPTY;
	int r = cow_parse(*text, &cow);

	if (r == -ENOMEM)
		return r;
	/* what has no form of its own is refused where the plan is made */
	memory_free(text);
	*text = cow.find;
	cow.find = NULL;
	return 0;
}

int host_disks_read(const struct resolve *resolve, struct host_disks *disks)
{
	static const struct {
		const char *section, *key, *name;
	} rows[] = {
		{ "root", "find", "boot.root.find" },
		{ "root", "cow", "boot.root.cow" },
		{ "bundle", "find", "boot.bundle.find" },
		{ "disk", "find", "boot.disk.find" },
	};
	int r = host_disks_mounted(resolve->host, disks);

	for (size_t i = 0; r >= 0 && i < COUNT_OF(rows); i++) {
		const struct value *find = value_get(resolve->profile->root, "boot",
						     rows[i].section, rows[i].key, NULL);
		CLEANUP(memory_free) char *text = NULL;

		if (!find || find->kind != VALUE_SCALAR)
			continue;
		r = profile_expand(resolve->profile, find->scalar, find->origin, &text);
		if (r >= 0 && text_equal(rows[i].key, "cow"))
			r = cow_disk(&text);
		if (r >= 0 && text)
			r = host_disks_named(resolve->host, rows[i].name, text, find, disks);
	}
	return r < 0 ? r : host_disks_follow(resolve->host, disks);
}
