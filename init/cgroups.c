/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups.c - step "cgroups": one cgroup v2 hierarchy with all controllers, and a cgroup for init
 * and helper
 *
 * In:    /sys; in a container, a hierarchy that is mounted, and a root of it that is a part of more
 * Out:   cgroup2 at /sys/fs/cgroup; cgroups "init" and "helper"
 * Not:   how (cgroup_setup.c), who moves into which (run_exec.c), the services' own (service.c)
 * Facts: docs/boot.md section 6
 */
#include <errno.h>
#include <string.h>

#include "cgroup_tree.h"
#include "machine.h"

/* what init is in until it becomes main; processes of a container's root leave it for this one */
#define LEAF "init"

static int mount_hierarchy(struct step_record *record)
{
	enum cgroup_kind kind = cgroup_kind();
	int r = kind == CGROUP_NONE ? cgroup_v2_mount() : 0;

	if (kind == CGROUP_V1)
		return step_details(record, -ENOTSUP,
				    "'%s' is of version 1 here, and init needs cgroup2 there: "
				    "start the container on a host with cgroup v2, systemd-nspawn "
				    "with SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1",
				    CGROUP_ROOT);
	if (r < 0)
		return step_details(record, r, "cannot mount cgroup2 at '%s': %s", CGROUP_ROOT,
				    r == -ENODEV ? "this kernel has no cgroups (CONFIG_CGROUPS)"
						 : strerror(-r));
	(void)log_line(LOG_DEBUG, 0, "mounts: cgroup2 at %s", CGROUP_ROOT);
	return 0;
}

static int enable_controllers(struct text *names)
{
	CLEANUP(strings_free) struct strings all = STRINGS_EMPTY, enabled = STRINGS_EMPTY;
	int r = cgroup_controllers(&all, &enabled);

	for (size_t i = 0; r == 0 && i < all.count; i++) {
		int refused =
			strings_contain(&enabled, all.items[i]) ? 0 : cgroup_enable(all.items[i]);

		if (refused < 0)
			(void)log_line(LOG_WARNING, refused,
				       "cgroups: controller '%s' is refused (%s), going on without",
				       all.items[i], strerror(-refused));
		else
			text_format(names, "%s%s", names->length ? "," : "", all.items[i]);
	}
	return r;
}

int step_cgroups(struct machine *machine, struct step_record *record)
{
	static const char *const groups[] = { LEAF, "helper" };
	CLEANUP(text_free) struct text names = TEXT_EMPTY;
	int r = mount_hierarchy(record);

	if (machine->container && r == 0)
		r = cgroup_leave_root(LEAF);
	if (machine->container && r < 0) {
		cgroups_do_without();
		return step_details(record, STEP_SKIP,
				    "in a container without cgroups of its own: %s",
				    record->details[0] ? record->details : strerror(-r));
	}
	if (r < 0)
		return r;
	r = cgroup_is_nested() ? cgroup_leave_root(LEAF) : 0;
	if (r < 0)
		return step_details(record, r, "cannot move processes to '%s/%s': %s", CGROUP_ROOT,
				    LEAF, strerror(-r));
	r = enable_controllers(&names);
	if (r < 0)
		return step_details(record, r, "cannot read '%s/cgroup.controllers': %s",
				    CGROUP_ROOT, strerror(-r));
	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		r = cgroup_make(groups[i]);
		if (r < 0)
			return step_details(record, r, "cannot make '%s/%s': %s", CGROUP_ROOT,
					    groups[i], strerror(-r));
	}
	return step_details(record, 0, "controllers=%s", text_string(&names));
}
