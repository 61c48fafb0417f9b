/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_swap.c - the step "swap": a swap area that the plan names
 *
 * In:    plan.disk.swap
 * Out:   a line in /proc/swaps
 * Not:   making one; waiting long: a machine works without
 */
#include <errno.h>
#include <string.h>
#include <sys/swap.h>

#include "disk_find.h"

/* devices of the disk's own bus are there when the disk is */
#define WAIT_MS 2000

int step_swap(struct machine *machine, struct step_record *record)
{
	const char *find = machine->plan.has_disk ? machine->plan.disk.swap : NULL;
	CLEANUP(disk_search_free) struct disk_search search = { .find = find, .wants_swap = true };
	const struct block_device *device;
	int r;

	if (!find)
		return step_details(record, STEP_SKIP, "none in the plan");
	r = disk_search_until(machine, &search, WAIT_MS);
	if (r < 0)
		return step_details(record, r, "cannot look for '%s': %s", find,
				    r == -EINVAL ? "no way to find a device" : strerror(-r));
	if (search.found_count == 0) {
		CLEANUP(text_free) struct text seen = TEXT_EMPTY;

		block_describe(&search.seen, &seen);
		return step_details(record, STEP_SKIP, "%s not found; seen: %s", find,
				    text_string(&seen));
	}
	device = &search.seen.items[search.found[0]];
	if (search.found_count > 1)
		return step_details(record, -EEXIST,
				    "%s is on two devices, %s and %s; none is used", find,
				    device->path, search.seen.items[search.found[1]].path);
	if (!device->type || !text_equal(device->type, "swap"))
		return step_details(record, -EINVAL,
				    "%s is no swap area; it is untouched; to make one, which "
				    "erases it: mkswap -L SWAP %s",
				    device->path, device->path);
	if (swapon(device->path, SWAP_FLAG_DISCARD) < 0)
		return step_details(record, -errno, "cannot swap on %s: %s", device->path,
				    strerror(errno));
	return step_details(record, 0, "source=%s device=%s", find, device->path);
}
