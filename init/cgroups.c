/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups.c - one cgroup v2 hierarchy with all controllers, and a cgroup for init and helper
 *
 * In:    /sys
 * Out:   cgroup2 at /sys/fs/cgroup; cgroups "init" and "helper"
 * Not:   who moves into which (run_exec.c), the services' own cgroups (service.c)
 * Facts: docs/boot.md section 6; kernel Documentation/admin-guide/cgroup-v2.rst
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "lib/file.h"
#include "machine.h"
#include "mounts.h"

/* one write for each: one that is refused does not undo the others */
static int enable_controllers(struct text *enabled)
{
	CLEANUP(memory_free) char *available = NULL;
	char *rest = NULL;
	int r = file_read_line(AT_FDCWD, CGROUP_ROOT "/cgroup.controllers", &available);

	if (r < 0)
		return r;
	for (char *name = strtok_r(available, " ", &rest); name;
	     name = strtok_r(NULL, " ", &rest)) {
		CLEANUP(text_free) struct text word = TEXT_EMPTY;

		text_format(&word, "+%s", name);
		r = file_write_existing(AT_FDCWD, CGROUP_ROOT "/cgroup.subtree_control",
					text_string(&word));
		if (r < 0)
			(void)log_line(LOG_WARNING, r,
				       "cgroups: controller '%s' is refused (%s), going on without",
				       name, strerror(-r));
		else
			text_format(enabled, "%s%s", enabled->length ? "," : "", name);
	}
	return 0;
}

int step_cgroups(struct machine *machine, struct step_record *record)
{
	static const char *const groups[] = { CGROUP_ROOT "/init", CGROUP_ROOT "/helper" };
	CLEANUP(text_free) struct text enabled = TEXT_EMPTY;
	int r;

	(void)machine;
	if (!is_mount_point(CGROUP_ROOT) &&
	    mount("cgroup2", CGROUP_ROOT, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "nsdelegate") < 0) {
		r = -errno;
		return step_details(record, r, "cannot mount cgroup2 at '%s': %s", CGROUP_ROOT,
				    r == -ENODEV ? "this kernel has no cgroups (CONFIG_CGROUPS)"
						 : strerror(-r));
	}
	(void)log_line(LOG_DEBUG, 0, "mounts: cgroup2 at %s", CGROUP_ROOT);
	r = enable_controllers(&enabled);
	if (r < 0)
		return step_details(record, r, "cannot read '%s/cgroup.controllers': %s",
				    CGROUP_ROOT, strerror(-r));
	for (size_t i = 0; i < COUNT_OF(groups); i++) {
		r = directory_make(groups[i], 0755);
		if (r < 0)
			return step_details(record, r, "cannot make '%s': %s", groups[i],
					    strerror(-r));
	}
	return step_details(record, 0, "controllers=%s", text_string(&enabled));
}
