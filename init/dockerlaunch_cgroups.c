/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_cgroups.c - cgroups in the place that dockerd is to run in
 *
 * In:    what is mounted there, and what the kernel's controllers are bound to
 * Out:   the hierarchies of the version that the host has; below version 2 the processes in a leaf,
 *        and the controllers passed on
 * Not:   how (cgroup_setup.c)
 * Facts: cgroup-v2.rst: a cgroup of type "domain invalid" can have no controllers for others, being
 *        below a threaded one. dockerd of today does not start without the controller "devices" of
 *        version 1
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>

#include "api_mounts.h"
#include "aside.h"
#include "cgroup_setup.h"
#include "dockerlaunch_place.h"
#include "lib/file.h"

#define TABLE "/proc/cgroups"
#define TABLE_BYTES (64 << 10)
#define LEAF "init"

static bool is_read_only(const char *path)
{
	struct statvfs status;

	return statvfs(path, &status) == 0 && (status.f_flag & ST_RDONLY);
}

static int say_read_only(struct launch *launch, const char *path)
{
	return launch_say(launch, LAUNCH_LACKS, path,
			  "read-only; start the container with --privileged, or mount it writable");
}

/* ---- version 1 ---- */

static int mount_hierarchy(struct launch *launch, const char *controllers)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	bool is_required = text_equal(controllers, "devices");
	int r;

	text_format(&path, CGROUP_ROOT "/%.*s", (int)strcspn(controllers, ","), controllers);
	if (cgroup_v1_is_mounted(controllers))
		return is_read_only(text_string(&path))
			       ? say_read_only(launch, text_string(&path))
			       : launch_say(launch, LAUNCH_HAS, controllers, "mounted");
	r = launch_changes(launch) ? cgroup_v1_mount(controllers)
				   : launch_refusal(launch, CAP_SYS_ADMIN);
	if (r == 0)
		return launch_say(launch, LAUNCH_MAKES, controllers, "a hierarchy at '%s/%s'",
				  CGROUP_ROOT, controllers);
	return launch_say(launch, is_required ? LAUNCH_LACKS : LAUNCH_WITHOUT, controllers,
			  "cannot mount 'cgroup' at '%s/%s': %s%s", CGROUP_ROOT, controllers,
			  r == -EBUSY ? "in another hierarchy" : strerror(-r),
			  launch_needs(launch, CAP_SYS_ADMIN));
}

static int version_1(struct launch *launch, const struct strings *hierarchies)
{
	int r = 0;

	if (cgroup_kind() == CGROUP_NONE) {
		r = launch_changes(launch) ? cgroup_v1_root()
					   : launch_refusal(launch, CAP_SYS_ADMIN);
		if (r < 0)
			return launch_say(launch, LAUNCH_LACKS, CGROUP_ROOT,
					  "cannot mount 'tmpfs' at '%s': %s%s", CGROUP_ROOT,
					  strerror(-r), launch_needs(launch, CAP_SYS_ADMIN));
		r = launch_say(launch, LAUNCH_MAKES, CGROUP_ROOT, "version 1, which the host has");
	} else {
		r = launch_say(launch, LAUNCH_HAS, CGROUP_ROOT, "version 1");
	}
	for (size_t i = 0; r == 0 && i < hierarchies->count; i++)
		r = mount_hierarchy(launch, hierarchies->items[i]);
	return r;
}

/* ---- version 2 ---- */

static int leave_root(struct launch *launch)
{
	CLEANUP(memory_free) char *type = NULL;
	int r = cgroup_type(&type);

	if (r == 0 && !text_equal(type, "domain"))
		return launch_say(launch, LAUNCH_LACKS, CGROUP_ROOT,
				  "of type '%s', which passes no controllers on; start this in a "
				  "cgroup of type 'domain'",
				  type);
	if (!cgroup_has_processes())
		return launch_say(launch, LAUNCH_HAS, CGROUP_ROOT, "no process in its root");
	r = launch_changes(launch) ? cgroup_leave_root(LEAF) : 0;
	if (r < 0)
		return launch_say(launch, LAUNCH_LACKS, CGROUP_ROOT,
				  "cannot move the processes of its root to '%s': %s%s", LEAF,
				  r == -EPERM ? "one is not of this container; start it with a "
						"cgroup namespace (--cgroupns=private)"
					      : strerror(-r),
				  r == -EACCES ? launch_needs(launch, CAP_SYS_ADMIN) : "");
	return launch_say(launch, LAUNCH_MAKES, CGROUP_ROOT, "its processes in the cgroup '%s'",
			  LEAF);
}

static int pass_on(struct launch *launch)
{
	CLEANUP(strings_free) struct strings all = STRINGS_EMPTY, enabled = STRINGS_EMPTY;
	int r = cgroup_controllers(&all, &enabled);

	if (r < 0)
		return launch_say(launch, LAUNCH_LACKS, CGROUP_ROOT,
				  "cannot read its controllers: %s", strerror(-r));
	for (size_t i = 0; r == 0 && i < all.count; i++) {
		const char *name = all.items[i];
		int refused;

		if (strings_contain(&enabled, name)) {
			r = launch_say(launch, LAUNCH_HAS, name, "passed on");
			continue;
		}
		refused = launch_changes(launch) ? cgroup_enable(name) : 0;
		r = refused < 0 ? launch_say(launch, LAUNCH_WITHOUT, name,
					     "cannot be passed on: %s; containers cannot be "
					     "limited by it",
					     strerror(-refused))
				: launch_say(launch, LAUNCH_MAKES, name, "passed on");
	}
	return r;
}

static int version_2(struct launch *launch)
{
	bool is_there = cgroup_kind() == CGROUP_V2;
	int r = 0;

	if (!is_there)
		r = launch_changes(launch) ? cgroup_v2_mount()
					   : launch_refusal(launch, CAP_SYS_ADMIN);
	if (r < 0)
		return launch_say(launch, LAUNCH_LACKS, CGROUP_ROOT,
				  "cannot mount 'cgroup2' at '%s': %s%s", CGROUP_ROOT,
				  r == -ENODEV ? "this kernel has no cgroups (CONFIG_CGROUPS)"
					       : strerror(-r),
				  launch_needs(launch, CAP_SYS_ADMIN));
	if (is_there && is_read_only(CGROUP_ROOT))
		return say_read_only(launch, CGROUP_ROOT);
	r = launch_say(launch, is_there ? LAUNCH_HAS : LAUNCH_MAKES, CGROUP_ROOT, "version 2");
	/* before it is mounted there is nothing to look at */
	if (r < 0 || cgroup_kind() != CGROUP_V2)
		return r;
	r = cgroup_is_nested() ? leave_root(launch) : 0;
	return r < 0 ? r : pass_on(launch);
}

int launch_cgroups(struct launch *launch)
{
	CLEANUP(strings_free) struct strings hierarchies = STRINGS_EMPTY;
	CLEANUP(text_free) struct text table = TEXT_EMPTY;
	enum cgroup_kind kind = cgroup_kind();
	bool is_used;
	int r;

	if (file_read(AT_FDCWD, TABLE, TABLE_BYTES, &table) < 0)
		text_clear(&table);
	r = cgroup_hierarchies(text_string(&table), &hierarchies);
	if (r < 0)
		return r;
	is_used = hierarchies.count > 0;
	if (!launch_changes(launch) && (!is_mount_point("/proc") || !is_mount_point("/sys")))
		return launch_say(launch, LAUNCH_MAKES, CGROUP_ROOT,
				  "of the version that the host has, with '/proc' and '/sys'");
	if (!is_there(CGROUP_ROOT))
		return launch_say(launch, LAUNCH_LACKS, CGROUP_ROOT,
				  "missing: this kernel has no cgroups (CONFIG_CGROUPS)");
	return kind == CGROUP_V1 || (kind == CGROUP_NONE && is_used)
		       ? version_1(launch, &hierarchies)
		       : version_2(launch);
}
