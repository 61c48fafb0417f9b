/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root_mount.c - a root from devices, images and a writable layer
 *
 * In:    a request
 * Out:   the root, mounted; its parts below /run/mkinitrd
 * Not:   images (root_image.c), the writable layer (root_cow.c), making it "/" (switch_root.c)
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "disk_find.h"
#include "disk_mount.h"
#include "host_bundle.h"
#include "lib/file.h"
#include "modules.h"
#include "mount_options.h"
#include "api_mounts.h"
#include "root_mount.h"
#include "run_program.h"
#include "verity.h"

#define MODPROBE_MS 30000

/* code pages that vfat asks for, and that its module does not name */
static void need_code_pages(const struct machine *machine)
{
	static const char *const names[] = { "nls_cp437", "nls_ascii", "nls_iso8859_1" };

	for (size_t i = 0; i < COUNT_OF(names); i++)
		(void)modules_load_name(machine, names[i]);
}

void root_need(const struct machine *machine, const char *type, const char *name)
{
	CLEANUP(text_free) struct text alias = TEXT_EMPTY;
	/* in another generator's initramfs nobody has a plan of modules */
	char modprobe[] = "/sbin/modprobe", quiet[] = "-q";
	char *argv[] = { modprobe, quiet, NULL, NULL };
	int status;

	if (type) {
		text_format(&alias, "fs-%s", type);
		(void)modules_load_alias(machine, text_string(&alias));
	}
	if (type && text_equal(type, "vfat"))
		need_code_pages(machine);
	if (!name || modules_load_name(machine, name) == 0 || machine->modules ||
	    access(modprobe, X_OK) < 0)
		return;
	argv[2] = strdup(name);
	if (argv[2])
		(void)program_run(&(struct program_run){ .argv = argv,
							 .doing = "root: modprobe",
							 .most_ms = MODPROBE_MS },
				  &status);
	free(argv[2]);
}

int root_find(struct root *root, const char *find, bool is_cow, struct block_device *ret_device)
{
	CLEANUP(disk_search_free)
	struct disk_search search = { .find = find, .wants_root = !is_cow, .step = "root" };
	const char *parameter = is_cow ? "mkinitrd.cow" : "root";
	CLEANUP(text_free) struct text seen = TEXT_EMPTY;
	struct block_device *device;
	int r = disk_search_until(root->machine, &search, root->request->wait_ms);

	if (r < 0)
		return step_details(root->record, r, "cannot look for '%s': %s", find,
				    r == -ENOTBLK ? "it is no block device" : strerror(-r));
	if (search.found_count == 0) {
		block_describe(&search.seen, &seen);
		return step_details(root->record, -ENODEV,
				    "%s not found; seen: %s; attach it, name another: %s=, or wait "
				    "longer: rootdelay=SECONDS",
				    find, text_string(&seen), parameter);
	}
	device = &search.seen.items[search.found[0]];
	if (search.found_count > 1)
		return step_details(root->record, -EEXIST,
				    "%s is on two devices, %s and %s; both are untouched; take one "
				    "away, or name one: %s=%s",
				    find, device->path, search.seen.items[search.found[1]].path,
				    parameter, device->path);
	if (device->error)
		return step_details(root->record, device->error, "%s cannot be read: %s",
				    device->path, strerror(-device->error));
	*ret_device = *device;
	*device = (struct block_device){ 0 };
	return 0;
}

/* the file system of the device itself */
static int mount_device(struct root *root, const char *at)
{
	const struct root_request *request = root->request;
	const char *type = request->type ? request->type : root->boot.type;
	unsigned long flags = request->is_writable && !request->image ? 0 : MS_RDONLY;
	CLEANUP(text_free) struct text options = TEXT_EMPTY;
	int r = directory_make(at, 0700);

	if (r < 0)
		return step_details(root->record, r, "cannot make '%s': %s", at, strerror(-r));
	if (!type)
		return step_details(root->record, -EINVAL,
				    "%s holds %s, nothing that can be mounted (ext2, ext3, ext4, "
				    "xfs, btrfs, vfat, iso9660, squashfs); take another: root=, or "
				    "name its type: rootfstype=",
				    root->boot.path,
				    root->boot.is_ambivalent ? "several file systems"
							     : "no known file system");
	mount_options_parse(request->flags, &flags, &options);
	root_need(root->machine, type, NULL);
	if (mount(root->boot.path, at, type, flags, options.length ? text_string(&options) : NULL) <
	    0) {
		r = -errno;
		return step_details(root->record, r,
				    "%s (%s, label '%s') cannot be mounted%s%s: %s (%s); look: "
				    "dmesg; take another: root=",
				    root->boot.path, type, root->boot.label ? root->boot.label : "",
				    request->flags ? " with " : "",
				    request->flags ? request->flags : "", mount_error(r),
				    strerrorname_np(-r));
	}
	text_format(&root->details, " type=%s", type);
	return 0;
}

/* the device is found: what is read of it goes to one of the places */
static int mount_found(struct root *root)
{
	const struct root_request *request = root->request;
	bool is_squashfs = text_equal(request->type     ? request->type
				      : root->boot.type ? root->boot.type
							: "",
				      "squashfs");
	CLEANUP(fd_close) int fd = -1;
	int r;

	text_format(&root->details, " source=%s device=%s", request->find, root->boot.path);
	root->lower = ROOT_IMAGE;
	if (!request->image && (is_squashfs || request->verity))
		return root_image_mount(root, -1, root->boot.path, root->boot.path, ROOT_IMAGE,
					true);
	if (!request->image)
		return mount_device(root, ROOT_IMAGE);
	r = mount_device(root, ROOT_BOOT);
	if (r < 0)
		return r;
	fd = root_image_open(root, ROOT_BOOT, request->image);
	return fd < 0 ? fd : root_image_mount(root, fd, NULL, request->image, ROOT_IMAGE, true);
}

static int mount_lower(struct root *root)
{
	const struct root_request *request = root->request;
	CLEANUP(fd_close) int fd = -1;
	CLEANUP(fd_close) int inner = -1;
	int r;

	if (text_equal(request->find, "none")) {
		root->lower = ROOT_IMAGE;
		fd = request->image
			     ? root_image_open(root, "/", request->image)
			     : step_details(root->record, -EINVAL, "the plan names no image");
		r = fd < 0 ? fd
			   : root_image_mount(root, fd, NULL, request->image, ROOT_IMAGE, true);
	} else {
		r = root_find(root, request->find, false, &root->boot);
		if (r == 0)
			r = mount_found(root);
	}
	if (r < 0 || !request->inner)
		return r;
	inner = root_image_open(root, ROOT_IMAGE, request->inner);
	if (inner < 0)
		return inner;
	root->lower = ROOT_INNER;
	return root_image_mount(root, inner, NULL, request->inner, ROOT_INNER, false);
}

void root_unmount(const char *at)
{
	const char *const places[] = {
		at, BUNDLE_LAYER, ROOT_COW, ROOT_INNER, ROOT_IMAGE, ROOT_BOOT
	};

	for (size_t i = 0; i < COUNT_OF(places); i++)
		if (is_mount_point(places[i]))
			(void)umount2(places[i], UMOUNT_NOFOLLOW);
	verity_close();
}

/* what nearly every root takes is loaded at once, on all processors */
static void need_drivers(const struct root *root)
{
	const struct machine *machine = root->machine;

	if (root->request->cow.kind != COW_NONE)
		(void)modules_want_alias(machine, "fs-overlay");
	if (!root->request->image)
		return;
	(void)modules_want_alias(machine, "fs-squashfs");
	(void)modules_load_name(machine, "loop");
}

int root_mount(struct root *root, const char *at)
{
	bool is_written = root->request->cow.kind == COW_NONE && root->request->is_writable;
	int r;

	need_drivers(root);
	root_unmount(at); /* what an earlier try left */
	r = mount_lower(root);
	if (r == 0)
		r = host_bundle_apply(root->machine, root->record, &root->boot,
				      is_mount_point(ROOT_BOOT) ? ROOT_BOOT : ROOT_IMAGE,
				      is_written ? NULL : root->lower);
	if (r > 0)
		root->layer = BUNDLE_LAYER;
	if (r >= 0)
		r = root_cow_mount(root, at);
	if (r < 0) {
		root_unmount(at);
		memory_free(&root->machine->cow_path);
	}
	return r;
}

void root_close(struct root *root)
{
	text_free(&root->details);
	block_free(&root->boot);
}
