/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_format.c - a file system on a disk on which there is nothing at all
 *
 * In:    the plan's mke2fs; devices that hold no file system
 * Out:   ext4 on one of them, with the label or UUID that the disk is found by
 * Not:   erasing anything: what is not blank stays as it is
 * Facts: mke2fs without -F asks when it sees anything itself, and its answer here, from /dev/null,
 *        is no: mke2fs(8)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "disk_format.h"
#include "lib/file.h"
#include "run_program.h"

#define EDGE_BYTES (1 << 20)
#define LEAST_BYTES (16 << 20) /* smaller ones are something else */
#define WORDS_MOST 160
#define MOST_MS (15 * 60 * 1000)
#define LABEL "DOCKER" /* where the disk is not found by one */

/* Return: whether the first non-zero byte comes after @count, or a negative errno */
static int are_zeros(int fd, off_t at, size_t count)
{
	static const char zeros[4096];
	char buffer[sizeof(zeros)];

	for (size_t done = 0; done < count;) {
		ssize_t got = pread(fd, buffer, sizeof(buffer), at + (off_t)done);

		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		if (memcmp(buffer, zeros, (size_t)got) != 0)
			return 0;
		done += (size_t)got;
	}
	return 1;
}

/*
 * Why @device is not blank goes into @why. Return: 1 it is blank, 0 not, a negative errno: it
 * cannot be told
 */
static int look_for_anything(const struct block_device *device, struct text *why)
{
	/* not while a file system or another device uses it */
	CLEANUP(fd_close) int fd = open(device->path, O_RDONLY | O_EXCL | O_CLOEXEC);
	CLEANUP(memory_free) char *what = NULL;
	int is_read_only = 0, r;
	uint64_t size;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0 || ioctl(fd, BLKROGET, &is_read_only) < 0)
		return -errno;
	if (is_read_only || size < LEAST_BYTES) {
		text_add(why, is_read_only ? "read-only" : "too small");
		return 0;
	}
	r = block_identify(fd, &what);
	if (r < 0)
		return r;
	if (what) {
		text_add(why, what);
		return 0;
	}
	r = are_zeros(fd, 0, EDGE_BYTES);
	if (r == 1)
		r = are_zeros(fd, (off_t)size - EDGE_BYTES, EDGE_BYTES);
	if (r == 0)
		text_add(why, "unknown data");
	return r;
}

static int is_blank(const struct block_device *device, struct text *why)
{
	int r = device->error;

	if (r == 0)
		r = look_for_anything(device, why);
	if (r < 0)
		text_add(why, r == -EBUSY ? "in use" : strerror(-r));
	return r == 1;
}

static int make(const struct plan_disk *disk, const struct disk_search *search,
		const struct block_device *device, struct step_record *record)
{
	CLEANUP(text_free) struct text words = TEXT_EMPTY;
	CLEANUP(text_free) struct text doing = TEXT_EMPTY;
	CLEANUP(text_free) struct text said = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings argv = STRINGS_EMPTY;
	const char *const fixed[] = { disk->mkfs, "-q", "-t", "ext4" };
	bool by_uuid = search->kind == FIND_UUID;
	uint64_t start = clock_ms();
	int status = 0, r = 0;

	for (size_t i = 0; r == 0 && i < COUNT_OF(fixed); i++)
		r = strings_add(&argv, fixed[i]);
	if (r == 0)
		r = strings_add(&argv, "-L");
	if (r == 0)
		r = strings_add(&argv, search->kind == FIND_LABEL ? search->value : LABEL);
	if (r == 0 && by_uuid)
		r = strings_add(&argv, "-U");
	if (r == 0 && by_uuid)
		r = strings_add(&argv, search->value);
	if (r == 0)
		r = strings_add(&argv, device->path);
	text_format(&doing, "disk: mke2fs has been writing to %s", device->path);
	if (r == 0)
		r = program_run(&(struct program_run){ .argv = argv.items,
						       .doing = text_string(&doing),
						       .most_ms = MOST_MS,
						       .words = &words },
				&status);
	program_words(&words, WORDS_MOST, &said);
	if (r < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return step_details(record, r < 0 ? r : -EIO,
				    "'%s' made no file system on %s: %s; the disk may be too "
				    "small or broken, see dmesg",
				    disk->mkfs, device->path,
				    r < 0 ? strerror(-r) : text_string(&said));
	(void)log_line(LOG_WARNING, 0,
		       "disk: %s was blank: made an ext4 file system on it (%llu ms)", device->path,
		       (unsigned long long)(clock_ms() - start));
	return 0;
}

static int check_possible(const struct plan_disk *disk, const struct disk_search *search,
			  struct step_record *record)
{
	if (!disk->mkfs)
		return step_details(record, -ENOENT,
				    "%s not found, and there is no mke2fs in this image to make "
				    "one; build it with mke2fs, or attach the disk",
				    search->find);
	if (search->kind == FIND_PART_LABEL || search->kind == FIND_PART_UUID)
		return step_details(
			record, -EINVAL,
			"%s not found, and a partition is not made; attach the disk, or "
			"find it by LABEL=, UUID=, a path or virtio-SERIAL",
			search->find);
	return 0;
}

int disk_format_found(const struct plan_disk *disk, const struct disk_search *search,
		      struct step_record *record)
{
	const struct block_device *device = &search->seen.items[search->found[0]];
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	int r = check_possible(disk, search, record);

	if (r < 0)
		return r;
	if (!is_blank(device, &why))
		return step_details(record, -EEXIST,
				    "not blank: %s (%s); it is untouched; to give it up for "
				    "Docker, which erases it: '%s -t ext4 -L " LABEL " %s'",
				    device->path, text_string(&why), disk->mkfs, device->path);
	return make(disk, search, device, record);
}

/* one that Docker could have: real hardware (no md, no dm), the whole of it */
static bool is_candidate(const struct block_device *device)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	if (device->is_partition)
		return false;
	text_format(&path, "/sys/class/block/%s/device", device->name);
	return access(text_string(&path), F_OK) == 0;
}

int disk_format_only(const struct plan_disk *disk, const struct disk_search *search,
		     struct step_record *record, size_t *ret_index)
{
	CLEANUP(text_free) struct text others = TEXT_EMPTY;
	const struct block_device *blank[2] = { NULL, NULL };
	size_t count = 0;
	int r = check_possible(disk, search, record);

	if (r < 0)
		return r;
	for (size_t i = 0; i < search->seen.count && count < COUNT_OF(blank); i++) {
		const struct block_device *device = &search->seen.items[i];
		CLEANUP(text_free) struct text why = TEXT_EMPTY;

		if (!is_candidate(device))
			continue;
		if (is_blank(device, &why)) {
			*ret_index = i;
			blank[count++] = device;
		} else {
			text_format(&others, "%s%s (%s)", others.length ? ", " : "", device->path,
				    text_string(&why));
		}
	}
	if (count > 1)
		return step_details(record, -EEXIST,
				    "%s not found, and two disks are blank, %s and %s; take one "
				    "away, or name one: mkinitrd.disk=%s",
				    search->find, blank[0]->path, blank[1]->path, blank[0]->path);
	if (count == 0)
		return step_details(record, -ENODEV,
				    "%s%s; %s not found, and it is made on a blank disk only; "
				    "attach one, or boot without: mkinitrd.disk=none",
				    others.length ? "not blank: " : "no disks",
				    text_string(&others), search->find);
	return make(disk, search, blank[0], record);
}
