/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.c - the disk that keeps Docker's data
 *
 * In:    plan.disk: what to find, where to mount it, how long to wait, what if it is absent
 * Out:   the disk checked, mounted and grown; or one made; or a tmpfs in its place, said loudly
 * Not:   looking for devices (disk_find.c), what is blank (disk_format.c); a disk that holds
 * anything is mounted or left as it is Facts: a disk that is there and cannot be mounted must stop
 * the boot: Docker would start afresh in memory and look healthy (docs/boot.md section 8)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "disk_check.h"
#include "disk_find.h"
#include "disk_format.h"
#include "disk_grow.h"
#include "disk_mount.h"
#include "disk_partition.h"
#include "lib/file.h"
#include "machine.h"
#include "api_mounts.h"
#include "root_mount.h"
#include "tree.h"
#include "volume.h"

/* ---- what was found ---- */

static int mount_failed(struct step_record *record, const struct block_device *device, int error)
{
	const char *check = "e2fsck -fn";

	if (text_equal(device->type, "xfs"))
		check = "xfs_repair -n";
	if (text_equal(device->type, "btrfs"))
		check = "btrfs check";
	return step_details(
		record, error,
		"%s (%s, label '%s') cannot be mounted: %s (%s); the disk is untouched; "
		"look: dmesg, '%s %s'; boot without it: mkinitrd.disk=none",
		device->path, device->type, device->label ? device->label : "", mount_error(error),
		strerrorname_np(-error), check, device->path);
}

/* a device that is there, and nothing on it to mount */
static int say_unusable(struct step_record *record, const struct block_device *device)
{
	CLEANUP(fd_close) int fd = open(device->path, O_RDONLY | O_CLOEXEC);
	CLEANUP(memory_free) char *what = NULL;

	if (fd >= 0)
		(void)block_identify(fd, &what);
	return step_details(record, -EINVAL,
			    "%s holds %s, nothing that can be mounted (ext2, ext3, ext4, xfs, "
			    "btrfs); it is untouched; take another, mkinitrd.disk=, or make a file "
			    "system on it, which erases it: mke2fs -t ext4 -L DOCKER %s",
			    device->path,
			    device->is_ambivalent ? "several file systems"
			    : what                ? what
						  : "nothing known",
			    device->path);
}

static bool is_named(const struct disk_search *search)
{
	return search->kind == FIND_PATH || search->kind == FIND_SERIAL;
}

static bool has_file_system(const struct block_device *device)
{
	return device->type && !text_equal(device->type, "swap");
}

/* one disk for the changes of the root and for Docker: it is mounted already */
static int use_cow_disk(const struct plan_disk *disk, struct step_record *record,
			const struct block_device *device)
{
	CLEANUP(text_free) struct text details = TEXT_EMPTY;
	int r = mount(ROOT_COW, disk->at, NULL, MS_BIND, NULL) < 0 ? -errno : 0;

	if (r < 0)
		return step_details(record, r, "%s (%s) cannot be seen at %s too: %s", disk->find,
				    device->path, disk->at, strerror(-r));
	if (disk->resize == PLAN_YES) {
		disk_partition_grow(device, &details);
		disk_grow(device, device->type, disk->at, &details);
	}
	return step_details(record, 0, "source=%s device=%s at=%s%s", disk->find, device->path,
			    disk->at, text_string(&details));
}

static int use_device(struct machine *machine, struct step_record *record,
		      struct block_device *device, bool is_new)
{
	const struct plan_disk *disk = &machine->plan.disk;
	CLEANUP(text_free) struct text details = TEXT_EMPTY;
	const char *type = NULL;
	int r = directory_make(disk->at, 0711);

	if (r < 0)
		return step_details(record, r,
				    "there is no directory '%s', and none can be made: %s; make it "
				    "in the tree, or give the root a writable layer: "
				    "mkinitrd.cow=tmpfs",
				    disk->at, strerror(-r));
	if (is_new) {
		CLEANUP(memory_free) char *path = text_pointer_take(&device->path);

		block_free(device);
		r = block_probe(device, path, 0);
		if (r < 0 || !device->type)
			return step_details(record, r < 0 ? r : -EIO,
					    "the file system that was made on %s cannot be read "
					    "back; see dmesg",
					    path);
		text_add(&details, " made=yes");
	}
	if (machine->cow_path && text_equal(machine->cow_path, device->path))
		return use_cow_disk(disk, record, device);
	if (disk->resize == PLAN_YES)
		disk_partition_grow(device, &details);
	r = is_new ? 0 : disk_check(machine, device, record, &details);
	if (r < 0)
		return r;
	r = disk_mount(machine, device, disk->at, &type);
	if (r < 0)
		return mount_failed(record, device, r);
	machine->disk_name = strdup(device->name); /* NULL: nobody tells when it goes */
	if (disk->resize == PLAN_YES)
		disk_grow(device, type, disk->at, &details);
	return step_details(record, 0, "source=%s device=%s type=%s at=%s%s", disk->find,
			    device->path, type, disk->at, text_string(&details));
}

static int use_found(struct machine *machine, struct step_record *record,
		     const struct disk_search *search)
{
	const struct plan_disk *disk = &machine->plan.disk;
	struct block_device *device = &search->seen.items[search->found[0]];
	bool is_new = false;

	if (search->found_count > 1)
		return step_details(record, -EEXIST,
				    "%s is on two devices, %s and %s; both are untouched; take one "
				    "away, or name one: mkinitrd.disk=%s",
				    search->find, device->path,
				    search->seen.items[search->found[1]].path, device->path);
	if (device->error)
		return step_details(record, device->error, "%s cannot be read: %s", device->path,
				    strerror(-device->error));
	if (!has_file_system(device) && disk->absent == PLAN_ABSENT_FORMAT && is_named(search)) {
		int r = disk_format_found(disk, search, record);

		if (r < 0)
			return r;
		is_new = true;
	} else if (!has_file_system(device)) {
		return say_unusable(record, device);
	}
	return use_device(machine, record, device, is_new);
}

/* the reason, in brackets, may be NULL */
static int use_tmpfs(const struct plan_disk *disk, struct step_record *record, const char *what,
		     const char *why)
{
	CLEANUP(text_free) struct text options = TEXT_EMPTY;
	int r = directory_make(disk->at, 0711);

	text_add(&options, "mode=0711");
	if (disk->size)
		text_format(&options, ",size=%llu", (unsigned long long)disk->size);
	if (r == 0 && mount("tmpfs", disk->at, "tmpfs", MS_NOATIME, text_string(&options)) < 0)
		r = -errno;
	if (r < 0)
		return step_details(record, r, "cannot mount a tmpfs at '%s': %s", disk->at,
				    strerror(-r));
	return step_details(record, STEP_SKIP, "%s, tmpfs at %s%s%s%s", what, disk->at,
			    why ? " (" : "", why ? why : "", why ? ")" : "");
}

static int use_absent(struct machine *machine, struct step_record *record,
		      const struct disk_search *search)
{
	const struct plan_disk *disk = &machine->plan.disk;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	size_t index;
	int r;

	if (disk->absent == PLAN_ABSENT_FORMAT && !is_named(search)) {
		r = disk_format_only(disk, search, record, &index);
		return r < 0 ? r : use_device(machine, record, &search->seen.items[index], true);
	}
	text_format(&why, "%s not found; seen: ", search->find);
	block_describe(&search->seen, &why);
	if (disk->absent != PLAN_ABSENT_TMPFS)
		return step_details(record, -ENODEV,
				    "%s; attach it, name another: mkinitrd.disk=, or boot without: "
				    "mkinitrd.disk=none",
				    text_string(&why));
	/* of an error's priority, so that "quiet" does not hide it */
	(void)log_line(LOG_ERROR, -ENODEV,
		       "disk: %s not found: what is kept in '%s' is in memory only and is lost at "
		       "power-off",
		       search->find, disk->at);
	return use_tmpfs(disk, record, "absent", text_string(&why));
}

/* the layers of Docker's images do not work on top of those of a root, and a root that is only read
 * has no place for them */
static int no_disk(const struct machine *machine, struct step_record *record)
{
	static char at[] = "/var/lib/docker";
	const struct plan_disk disk = { .at = at };

	if (!machine->root_is_entered || !tree_has_docker())
		return step_details(record, STEP_SKIP, "none in the plan");
	if (tree_mounts(at))
		return step_details(record, STEP_SKIP, "none in the plan; the tree mounts %s", at);
	(void)log_line(LOG_ERROR, -ENODEV,
		       "disk: the plan names none for Docker: what it keeps in '%s' is in memory "
		       "only and is lost at power-off",
		       at);
	return use_tmpfs(&disk, record, "none in the plan", NULL);
}

static int mount_disk(struct machine *machine, struct step_record *record)
{
	const struct plan_disk *disk = &machine->plan.disk;
	CLEANUP(disk_search_free) struct disk_search search = { .find = disk->find };
	int r;

	if (!machine->plan.has_disk)
		return no_disk(machine, record);
	if (!disk->find || !disk->at)
		return step_details(record, -EINVAL, "the plan's disk has no 'find' or no 'at'");
	if (is_mount_point(disk->at))
		return step_details(record, 0, "source=mounted-by-hand at=%s", disk->at);
	if (text_equal(disk->find, "none"))
		return use_tmpfs(disk, record, "none wanted", NULL);
	r = disk_search_until(machine, &search, disk->wait == BOOTPLAN_NO_WAIT ? 0 : disk->wait);
	if (r == -EINVAL)
		return step_details(record, r, "'%s' is no way to find a disk; " FIND_FORMS,
				    disk->find);
	if (r == -ENOTBLK)
		return step_details(record, r, "'%s' is not a block device", disk->find);
	if (r < 0)
		return step_details(record, r, "cannot look for '%s': %s", disk->find,
				    strerror(-r));
	if (search.found_count == 0)
		return use_absent(machine, record, &search);
	return use_found(machine, record, &search);
}

int step_disk(struct machine *machine, struct step_record *record)
{
	CLEANUP(text_free) struct text details = TEXT_EMPTY;
	int r = mount_disk(machine, record), result = r;

	if (r < 0 || !machine->plan.has_disk)
		return r;
	text_add(&details, record->details);
	r = volumes_mount(machine, record, &details);
	return r < 0 ? r : step_details(record, result, "%s", text_string(&details));
}
