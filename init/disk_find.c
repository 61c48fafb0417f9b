/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_find.c - look for a block device, and wait for it
 *
 * In:    a way to name one; the kernel's events
 * Out:   which devices it fits, and all that were seen
 * Not:   reading superblocks (block.c), what is done with the device (disk.c, disk_swap.c)
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>

#include "disk_find.h"
#include "modules.h"

#define REPORT_MS 5000

/* udev writes characters that a file's name had better not have as '_' */
static bool serial_equal(const char *wanted, const char *serial)
{
	for (; *wanted && *serial; wanted++, serial++) {
		bool is_odd = !isalnum((unsigned char)*serial) && !strchr("#+-.:=@_", *serial);

		if (*wanted != *serial && !(is_odd && *wanted == '_'))
			return false;
	}
	return *wanted == *serial;
}

static bool is_match(const struct disk_search *search, const struct block_device *device)
{
	static const struct {
		size_t offset; /* of the device's string; those of the kinds up to FIND_SERIAL */
		bool is_of_content, ignores_case;
	} rows[] = {
		[FIND_LABEL] = { offsetof(struct block_device, label), true, false },
		[FIND_UUID] = { offsetof(struct block_device, uuid), true, true },
		[FIND_PART_LABEL] = { offsetof(struct block_device, part_label), false, false },
		[FIND_PART_UUID] = { offsetof(struct block_device, part_uuid), false, true },
		[FIND_SERIAL] = { offsetof(struct block_device, serial), false, false },
	};
	bool is_swap = device->type && text_equal(device->type, "swap");
	const char *value;

	if (rows[search->kind].is_of_content && is_swap != search->wants_swap)
		return false;
	value = *(char *const *)((uintptr_t)device + rows[search->kind].offset);
	if (!value)
		return false;
	if (search->kind == FIND_SERIAL)
		return serial_equal(search->value, value);
	return rows[search->kind].ignores_case ? strcasecmp(value, search->value) == 0
					       : text_equal(value, search->value);
}

/* Return: 0, -ENOENT: not there (yet); a negative errno */
static int look_at_path(struct disk_search *search)
{
	int r;

	search->seen.items = calloc(1, sizeof(*search->seen.items));
	if (!search->seen.items)
		return -ENOMEM;
	search->seen.count = 1;
	r = block_probe(search->seen.items, search->value, search->wants_root ? BLOCK_ROOT : 0);
	if (r < 0)
		block_devices_free(&search->seen);
	else
		search->found_count = 1;
	return r;
}

static int look(struct disk_search *search)
{
	unsigned more = search->wants_root ? BLOCK_ROOT : 0;
	int r;

	block_devices_free(&search->seen);
	search->found_count = search->found[0] = 0;
	if (search->kind == FIND_PATH) {
		r = look_at_path(search);
		if (r != -ENOENT)
			return r;
	}
	if (search->kind == FIND_PART_LABEL || search->kind == FIND_PART_UUID)
		more |= BLOCK_PARTITION;
	r = block_scan(&search->seen, more);
	for (size_t i = 0; r == 0 && search->kind != FIND_PATH && i < search->seen.count; i++)
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

int disk_search_until(struct machine *machine, struct disk_search *search, uint64_t wait_ms)
{
	uint64_t start = clock_ms(), report = start + REPORT_MS;

	if (!find_parse(search->find, &search->kind, &search->value) || search->kind == FIND_NONE)
		return -EINVAL;
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
		(void)log_line(LOG_WARNING, 0, "%s: waiting for %s, %llu s of %llu s; seen: %s",
			       search->step ? search->step : "disk", search->find,
			       (unsigned long long)((clock_ms() - start) / 1000),
			       (unsigned long long)(wait_ms / 1000), text_string(&seen));
		report += REPORT_MS;
	}
}

void disk_search_free(struct disk_search *search)
{
	block_devices_free(&search->seen);
}
