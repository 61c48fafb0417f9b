/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unmount.c - file systems at the end of the machine
 *
 * In:    /proc/self/mounts
 * Out:   unmounted, or read-only, or frozen file systems
 * Facts: main, frozen, has files open on the disk, so that umount and remount are EBUSY; FIFREEZE
 *        writes the journal out and takes needs_recovery away all the same, and SysRq "u" does too,
 *        later: docs/boot.md section 5; proc(5) for the escapes
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "lib/file.h"
#include "machine.h"
#include "release.h"
#include "unmount.h"

#define MOUNTS_BYTES (8 << 20)
#define MOST_PASSES 5
#define EMERGENCY_MS 5000
#define EMERGENCY_STEP_MS 50

void mount_list_free(struct mount_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].source);
		free(list->items[i].path);
		free(list->items[i].type);
	}
	free(list->items);
	*list = (struct mount_list){ 0 };
}

void mount_unescape(char *string)
{
	char *to = string;

	for (const char *from = string; *from; to++) {
		if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static int mount_list_add(struct mount_list *list, char *line)
{
	struct mount_entry *items, *item;
	char *rest = NULL;
	char *source = strtok_r(line, " ", &rest), *path = strtok_r(NULL, " ", &rest);
	char *type = strtok_r(NULL, " ", &rest);
	const char *options = type ? strtok_r(NULL, " ", &rest) : NULL;

	if (!options)
		return -EINVAL;
	items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (!items)
		return -ENOMEM;
	list->items = items;
	item = &items[list->count];
	mount_unescape(source);
	mount_unescape(path);
	item->source = strdup(source);
	item->path = strdup(path);
	item->type = strdup(type);
	item->is_read_only = text_equal(options, "ro") || text_after(options, "ro,");
	list->count++;
	return item->source && item->path && item->type ? 0 : -ENOMEM;
}

int mount_list_parse(struct mount_list *list, const char *text)
{
	CLEANUP(memory_free) char *copy = strdup(text);
	char *rest = NULL;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	for (char *line = strtok_r(copy, "\n", &rest); r == 0 && line;
	     line = strtok_r(NULL, "\n", &rest))
		r = mount_list_add(list, line);
	if (r < 0)
		mount_list_free(list);
	return r;
}

static int mount_list_read(struct mount_list *list)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = file_read(AT_FDCWD, "/proc/self/mounts", MOUNTS_BYTES, &text);

	return r < 0 ? r : mount_list_parse(list, text_string(&text));
}

static bool is_below(const char *path, const char *directory)
{
	const char *rest = text_after(path, directory);

	return rest && (*rest == '/' || *rest == '\0');
}

static bool is_wanted(const struct mount_entry *entry, const char *data, const char *kept)
{
	if (text_equal(entry->path, "/") || (kept && is_below(entry->path, kept)))
		return false;
	return text_after(entry->source, "/dev/") || is_below(entry->path, "/run/docker") ||
	       is_below(entry->path, "/run/containerd") || (data && is_below(entry->path, data));
}

/* a writable file system on a device: what has a journal */
static bool is_disk(const struct mount_entry *entry)
{
	return text_after(entry->source, "/dev/") && !entry->is_read_only;
}

size_t thaw_all(void)
{
	CLEANUP(mount_list_free) struct mount_list list = { 0 };
	size_t count = 0;

	(void)mount_list_read(&list);
	for (size_t i = 0; i < list.count; i++) {
		CLEANUP(fd_close) int fd = -1;

		if (!is_disk(&list.items[i]))
			continue;
		fd = open(list.items[i].path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		/* EINVAL: it is not frozen */
		if (fd >= 0 && ioctl(fd, FITHAW, 0) == 0) {
			(void)log_line(LOG_WARNING, 0, "power: '%s' was frozen, thawed",
				       list.items[i].path);
			count++;
		}
	}
	return count;
}

static bool is_mounted(const char *source)
{
	CLEANUP(mount_list_free) struct mount_list list = { 0 };

	(void)mount_list_read(&list);
	for (size_t i = 0; i < list.count; i++)
		if (text_equal(list.items[i].source, source))
			return true;
	return false;
}

/* whether a file system on it is alive: it claims its device for itself, open(2) O_EXCL */
static bool is_claimed(const char *device)
{
	CLEANUP(fd_close) int fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);

	return fd < 0 && errno == EBUSY;
}

/* The disks of @before that are mounted no more, and alive: in a mount namespace of somebody who
 * cannot be killed. Mounted once more the same file system is here, and can be settled. */
static size_t take_back(const struct mount_list *before)
{
	size_t count = 0;

	for (size_t i = 0; i < before->count; i++) {
		const struct mount_entry *entry = &before->items[i];

		if (is_disk(entry) && is_claimed(entry->source) && !is_mounted(entry->source) &&
		    mount(entry->source, entry->path, entry->type, 0, NULL) == 0)
			count++;
	}
	return count;
}

int unmount_all(const char *data, const char *kept, struct text *said)
{
	size_t done = 0, busy = 0, released = 0, before = SIZE_MAX, swaps = swap_off(), held;
	CLEANUP(mount_list_free) struct mount_list at_first = { 0 };
	CLEANUP(text_free) struct text left = TEXT_EMPTY;
	int r = mount_list_read(&at_first);

	/* one that is busy may be so only because of another: again, as long as that helps */
	for (int pass = 0; pass < MOST_PASSES && done + released != before; pass++) {
		CLEANUP(mount_list_free) struct mount_list list = { 0 };

		before = done + released;
		busy = 0;
		text_clear(&left);
		r = mount_list_read(&list);
		for (size_t i = list.count; i > 0; i--) {
			if (!is_wanted(&list.items[i - 1], data, kept))
				continue;
			if (umount2(list.items[i - 1].path, UMOUNT_NOFOLLOW) == 0) {
				done++;
				continue;
			}
			text_format(&left, "%s%s", busy ? ", " : " (", list.items[i - 1].path);
			busy++;
		}
		released += devices_release();
	}
	held = take_back(&at_first);
	text_format(said, "unmounted: %zu, %zu busy%s%s", done, busy, text_string(&left),
		    busy ? ")" : "");
	if (held > 0)
		text_format(said, ", held elsewhere: %zu", held);
	if (released > 0)
		text_format(said, ", released: %zu", released);
	if (swaps > 0)
		text_format(said, ", swap off: %zu", swaps);
	return r;
}

/* Return: 0 with how in *ret_how, or a negative errno */
static int settle_one(const struct mount_entry *entry, const char **ret_how)
{
	CLEANUP(fd_close) int fd = -1;

	*ret_how = "read-only";
	if (mount(NULL, entry->path, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0)
		return 0;
	*ret_how = "frozen";
	fd = open(entry->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* EBUSY: this file system is frozen already, by another of its mounts */
	return ioctl(fd, FIFREEZE, 0) < 0 && errno != EBUSY ? -errno : 0;
}

/* SysRq "u" makes all read-only by force, in the background: nothing tells when it is done */
static int remount_by_force(void)
{
	uint64_t end_ms = clock_ms() + EMERGENCY_MS;
	int r = file_write_existing(AT_FDCWD, "/proc/sysrq-trigger", "u");

	while (r == 0) {
		CLEANUP(mount_list_free) struct mount_list list = { 0 };
		size_t writable = 0;

		r = mount_list_read(&list);
		for (size_t i = 0; i < list.count; i++)
			writable += is_disk(&list.items[i]);
		if (r < 0 || writable == 0)
			return r;
		if (clock_ms() >= end_ms)
			return -EBUSY;
		(void)poll(NULL, 0, EMERGENCY_STEP_MS);
	}
	return r;
}

int settle_disks(struct text *said)
{
	CLEANUP(mount_list_free) struct mount_list list = { 0 };
	size_t failed = 0, settled = 0;
	int r = mount_list_read(&list);

	text_add(said, "disks:");
	for (size_t i = list.count; i > 0; i--) {
		const struct mount_entry *entry = &list.items[i - 1];
		const char *how;
		int error;

		if (!is_disk(entry))
			continue;
		error = settle_one(entry, &how);
		text_format(said, " %s %s", entry->path, error < 0 ? strerror(-error) : how);
		failed += error < 0;
		settled++;
	}
	if (settled == 0)
		text_add(said, " none left");
	if (failed == 0)
		return r;
	r = remount_by_force();
	text_add(said, r < 0 ? ", and not read-only by force" : ", all read-only by force");
	return r;
}
