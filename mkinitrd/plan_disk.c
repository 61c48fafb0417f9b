/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_disk.c - "boot: disk:": the disk for Docker
 *
 * In:    the checked profile; the manifest, which holds what programs a profile wants
 * Out:   the plan's "disk" line
 * Not:   packing e2fsck and mke2fs: that is for "programs:", so that leaving them out is a decision
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "plan.h"
#include "../init/lib/find.h"
#include "../init/lib/number.h"

#define WAIT_MS 10000

/* "absent: format" must lead to a disk that the next boot finds again */
static int plan_format(struct resolve *resolve, const struct value *absent, struct plan_disk *plan)
{
	enum find_kind kind = FIND_NONE;
	const char *value;
	int r;

	(void)find_parse(plan->find, &kind, &value);
	if (kind == FIND_PART_LABEL || kind == FIND_PART_UUID || kind == FIND_NONE)
		return fail_at(
			&absent->origin,
			"'absent: format' makes no partitions, so '%s' would not be found "
			"afterwards; find the disk by LABEL=, UUID=, virtio-SERIAL or a path",
			plan->find);
	r = plan_program_place(resolve, "mke2fs", &absent->origin, &plan->mkfs);
	if (r == 0 && !plan->mkfs)
		return fail_at(&absent->origin,
			       "'absent: format' calls 'mke2fs', which is not in the image; put it "
			       "into 'programs:', or include the profile disk-tools");
	return r;
}

static int plan_tools(struct resolve *resolve, const struct value *disk, struct plan_disk *plan)
{
	const struct value *absent = value_get(disk, "absent", NULL);
	const char *fsck = value_text(value_get(disk, "fsck", NULL), "auto");

	if (text_equal(fsck, "auto")) {
		int r = plan_program_place(resolve, "e2fsck", &disk->origin, &plan->fsck);

		if (r < 0)
			return r;
	}
	return plan->absent == PLAN_ABSENT_FORMAT ? plan_format(resolve, absent, plan) : 0;
}

/* sorted, so that one in another comes after it */
static int plan_volumes(const struct resolve *resolve, const struct value *volumes,
			struct strings *ret_paths)
{
	CLEANUP(run_settings_free) struct run_settings run = RUN_SETTINGS_EMPTY;
	int r = plan_is_like_run(resolve->profile) ? run_settings_read(resolve->profile, &run) : 0;

	for (size_t i = 0; r == 0 && i < run.volumes.count; i++)
		r = strings_add(ret_paths, run.volumes.items[i]);
	for (size_t i = 0; r == 0 && volumes && i < volumes->count; i++)
		r = strings_add(ret_paths, volumes->keys[i]);
	strings_sort(ret_paths, true);
	return r;
}

int plan_disk(struct resolve *resolve, const struct value *disk, struct bootplan *bootplan)
{
	static const char *const words[] = { "stop", "tmpfs", "format" };
	struct plan_disk *plan = &bootplan->disk;
	const char *absent = value_text(value_get(disk, "absent", NULL), "stop");
	int r;

	if (!disk)
		return 0;
	bootplan->has_disk = true;
	r = plan_text(resolve, value_get(disk, "find", NULL), &plan->find);
	if (r == 0)
		r = plan_text(resolve, value_get(disk, "at", NULL), &plan->at);
	if (r == 0)
		r = plan_text(resolve, value_get(disk, "swap", NULL), &plan->swap);
	if (r < 0)
		return r;
	if (!plan->find || !plan->at)
		return fail_at(&disk->origin, "'disk:' has no '%s:'", plan->find ? "at" : "find");
	r = plan_volumes(resolve, value_get(disk, "volumes", NULL), &plan->volumes);
	if (r < 0)
		return r;
	if (plan->swap && text_equal(plan->swap, "none"))
		memory_free(&plan->swap);
	for (unsigned i = 0; i < COUNT_OF(words); i++)
		if (text_equal(words[i], absent))
			plan->absent = i;
	plan->wait = WAIT_MS;
	(void)duration_parse(value_text(value_get(disk, "wait", NULL), ""), &plan->wait);
	(void)size_parse(value_text(value_get(disk, "size", NULL), ""), &plan->size);
	plan->resize = value_get(disk, "resize", NULL) ? PLAN_YES : PLAN_NO;
	return plan_tools(resolve, disk, plan);
}
