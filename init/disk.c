/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.c - the disk that keeps Docker's data
 *
 * In:    plan.disk: what to find, where to mount it, how long to wait, what if it is absent
 * Out:   the disk mounted, or a tmpfs in its place, said loudly
 * Not:   reading superblocks (block.c); formatting: a disk is mounted or left as it is
 * Facts: a disk that is there and cannot be mounted must stop the boot: Docker would start afresh
 *        in memory and look healthy (docs/boot.md section 8)
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>

#include "block.h"
#include "disk_mount.h"
#include "lib/file.h"
#include "machine.h"
#include "modules.h"
#include "mounts.h"

#define REPORT_MS 5000

// clang-format off
static const struct find_row {
	const char *prefix;
	size_t offset;         /* of the device's string */
	bool is_partition, ignores_case;
} find_rows[] = {
	{ "LABEL=",     offsetof(struct block_device, label),      false, false },
	{ "UUID=",      offsetof(struct block_device, uuid),       false, true },
	{ "PARTLABEL=", offsetof(struct block_device, part_label), true,  false },
	{ "PARTUUID=",  offsetof(struct block_device, part_uuid),  true,  true },
};
// clang-format on

struct search {
	const char *find;           /* as the plan says it */
	const struct find_row *row; /* NULL: find is a path */
	struct block_devices seen;
	size_t found[2]; /* indices into seen */
	size_t found_count;
};

static bool is_match(const struct search *search, const struct block_device *device)
{
	const char *wanted = search->find + strlen(search->row->prefix);
	const char *value = *(char *const *)((uintptr_t)device + search->row->offset);

	if (!value)
		return false;
	return search->row->ignores_case ? strcasecmp(value, wanted) == 0
					 : text_equal(value, wanted);
}

/* look once; a device named by its path is found when it is there, whatever is on it */
static int look(struct search *search)
{
	int r;

	block_devices_free(&search->seen);
	search->found_count = 0;
	if (!search->row) {
		search->seen.items = calloc(1, sizeof(*search->seen.items));
		if (!search->seen.items)
			return -ENOMEM;
		r = block_probe(search->seen.items, search->find, false);
		if (r == 0) {
			search->seen.count = search->found_count = 1;
			search->found[0] = 0;
			return 0;
		}
		block_devices_free(&search->seen);
		if (r != -ENOENT)
			return r;
	}
	r = block_scan(&search->seen, search->row && search->row->is_partition);
	for (size_t i = 0; r == 0 && search->row && i < search->seen.count; i++)
		if (is_match(search, &search->seen.items[i]) &&
		    search->found_count < COUNT_OF(search->found))
			search->found[search->found_count++] = i;
	return r;
}

/* wait for the kernel to say that a block device came or changed. Return: false when it did not
 * until @until_ms */
static bool wait_for_device(struct machine *machine, uint64_t until_ms)
{
	struct pollfd file = { .fd = machine->uevent_fd, .events = POLLIN };

	for (uint64_t now; (now = clock_ms()) < until_ms;) {
		if (poll(&file, 1, (int)(until_ms - now)) > 0 && modules_handle_events(machine) > 0)
			return true;
	}
	return false;
}

/* Return: 0 when something was found or the time is over, or a negative errno */
static int search_until(struct machine *machine, struct search *search, uint64_t wait_ms)
{
	uint64_t start = clock_ms(), report = start + REPORT_MS;

	for (;;) {
		CLEANUP(text_free) struct text seen = TEXT_EMPTY;
		uint64_t deadline = start + wait_ms;
		int r = look(search);

		if (r < 0 || search->found_count || clock_ms() >= deadline)
			return r;
		if (wait_for_device(machine, report < deadline ? report : deadline) ||
		    report >= deadline)
			continue; /* to look once more */
		block_describe(&search->seen, &seen);
		(void)log_line(LOG_WARNING, 0, "disk: waiting for %s, %llu s of %llu s; seen: %s",
			       search->find, (unsigned long long)((clock_ms() - start) / 1000),
			       (unsigned long long)(wait_ms / 1000), text_string(&seen));
		report += REPORT_MS;
	}
}

/* ---- what was found ---- */

/* what an errno of mount(2) means here */
static const char *mount_error(int error)
{
	static const struct {
		int error;
		const char *text;
	} rows[] = {
		{ EINVAL, "the file system is damaged, or made by a newer system" },
		{ EUCLEAN, "the file system is damaged" },
		{ EBADMSG, "the file system is damaged" },
		{ ENODEV,
		  "the image and this kernel have no driver for it; add one to the profile" },
		{ ENOENT, "a module that it needs is missing, for its checksums perhaps" },
		{ EACCES, "the device is read-only" },
		{ EROFS, "the device is read-only" },
		{ EBUSY, "it is in use" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].error == -error)
			return rows[i].text;
	return strerror(-error);
}

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

static int use_found(const struct machine *machine, struct step_record *record,
		     const struct search *search)
{
	const struct plan_disk *disk = &machine->plan.disk;
	const struct block_device *device = &search->seen.items[search->found[0]];
	const char *type = NULL;
	int r;

	if (search->found_count > 1)
		return step_details(record, -EEXIST,
				    "%s is on two devices, %s and %s; both are untouched; take one "
				    "away, or name one: mkinitrd.disk=%s",
				    search->find, device->path,
				    search->seen.items[search->found[1]].path, device->path);
	if (device->error)
		return step_details(record, device->error, "%s cannot be read: %s", device->path,
				    strerror(-device->error));
	if (!device->type)
		return step_details(
			record, -EINVAL,
			"%s holds %s that can be mounted (ext2, ext3, ext4, xfs, btrfs); "
			"it is untouched; to make one, which erases it: "
			"mke2fs -t ext4 -L DOCKER %s",
			device->path,
			device->is_ambivalent ? "several file systems, so none" : "no file system",
			device->path);
	r = disk_mount(machine, device, disk->at, &type);
	if (r < 0)
		return mount_failed(record, device, r);
	return step_details(record, 0, "source=%s device=%s type=%s at=%s", search->find,
			    device->path, device->type, disk->at);
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

static int use_absent(const struct plan_disk *disk, struct step_record *record,
		      const struct search *search)
{
	CLEANUP(text_free) struct text why = TEXT_EMPTY;

	text_format(&why, "%s not found; seen: ", search->find);
	block_describe(&search->seen, &why);
	if (disk->absent == PLAN_ABSENT_STOP)
		return step_details(record, -ENODEV,
				    "%s; attach it, or boot without: mkinitrd.disk=none",
				    text_string(&why));
	/* of an error's priority, so that "quiet" does not hide it */
	(void)log_line(LOG_ERROR, -ENODEV,
		       "disk: %s not found: what is kept in '%s' is in memory only and is lost at "
		       "power-off",
		       search->find, disk->at);
	return use_tmpfs(disk, record, "absent", text_string(&why));
}

static void search_free(struct search *search)
{
	block_devices_free(&search->seen);
}

int step_disk(struct machine *machine, struct step_record *record)
{
	const struct plan_disk *disk = &machine->plan.disk;
	CLEANUP(search_free) struct search search = { .find = disk->find };
	int r;

	if (!machine->plan.has_disk)
		return step_details(record, STEP_SKIP, "none in the plan");
	if (!disk->find || !disk->at)
		return step_details(record, -EINVAL, "the plan's disk has no 'find' or no 'at'");
	if (is_mount_point(disk->at))
		return step_details(record, 0, "source=mounted-by-hand at=%s", disk->at);
	if (text_equal(disk->find, "none"))
		return use_tmpfs(disk, record, "none wanted", NULL);
	for (size_t i = 0; i < COUNT_OF(find_rows) && !search.row; i++)
		if (text_after(disk->find, find_rows[i].prefix))
			search.row = &find_rows[i];
	if (!search.row && !text_after(disk->find, "/dev/"))
		return step_details(record, -EINVAL,
				    "'%s' is no way to find a disk; LABEL=, UUID=, PARTLABEL=, "
				    "PARTUUID=, a path in /dev, or none",
				    disk->find);
	r = search_until(machine, &search, disk->wait == BOOTPLAN_NO_WAIT ? 0 : disk->wait);
	if (r == -ENOTBLK)
		return step_details(record, r, "'%s' is not a block device", disk->find);
	if (r < 0)
		return step_details(record, r, "cannot look for '%s': %s", disk->find,
				    strerror(-r));
	if (search.found_count == 0)
		return use_absent(disk, record, &search);
	return use_found(machine, record, &search);
}
