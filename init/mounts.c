/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.c - step "mounts": a root that pivot_root(2) accepts, and the kernel's own file systems
 *
 * In:    the rootfs as the kernel unpacked it, nothing mounted; or a container's, where what is
 *        mounted is left alone
 * Out:   /dev /proc /sys /run and more, links in /dev, the kernel log open
 * Not:   which they are and how (api_mounts.c), cgroups (cgroups.c), disks
 * Facts: docs/boot.md section 1. The root is settled before other mounts: made after them it would
 *        leave them hidden below for ever, a dirty disk among them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "api_mounts.h"
#include "container.h"
#include "lib/file.h"
#include "machine.h"
#include "mounts.h"

/* look before anything is mounted */
static int look(struct step_record *record)
{
	int r = root_is_bare();

	return r < 0 ? step_details(record, r, "cannot see what is mounted at '/': %s",
				    strerror(-r))
		     : r;
}

static int mount_all(const struct machine *machine, struct step_record *record)
{
	for (size_t i = 0; i < api_mount_count; i++) {
		CLEANUP(text_free) struct text why = TEXT_EMPTY;
		int r = api_mounts[i].is_of_machine && machine->container
				? 0
				: api_mount_make(&api_mounts[i]);

		if (r >= 0)
			continue;
		api_mount_why(&api_mounts[i], r, &why);
		if (api_mounts[i].is_required && !machine->container)
			return step_details(record, r, "%s", text_string(&why));
		(void)log_line(machine->container ? LOG_DEBUG : LOG_WARNING, r,
			       "mounts: %s, going on without", text_string(&why));
	}
	return 0;
}

/* the kernel opens 0, 1 and 2 when it finds a console; without them our files would take their
 * numbers, and programs would write into those */
static void standard_files(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = dup(fd);
	if (fd > STDERR_FILENO)
		(void)close(fd);
}

static void link_all(void)
{
	(void)mkdir("/var", 0755);
	for (size_t i = 0; i < api_link_count; i++) {
		int r = api_link_make(&api_links[i]);

		if (r < 0)
			(void)log_line(LOG_WARNING, r,
				       "mounts: cannot make the link '%s' (%s), going on",
				       api_links[i].path, strerror(-r));
	}
}

void mounts_log(void)
{
	for (size_t i = 0; i < api_mount_count; i++)
		if (is_mount_point(api_mounts[i].at))
			(void)log_line(LOG_DEBUG, 0, "mounts: %s at %s", api_mounts[i].type,
				       api_mounts[i].at);
}

static int resize(const struct plan_tmpfs *tmpfs)
{
	char options[64];

	for (size_t i = 0; i < api_mount_count; i++) {
		const struct api_mount *row = &api_mounts[i];

		if (!text_equal(row->type, "tmpfs") || !text_equal(row->at, tmpfs->at))
			continue;
		(void)snprintf(options, sizeof(options), "size=%.40s", tmpfs->size);
		return mount(NULL, row->at, NULL, MS_REMOUNT | row->flags, options) < 0 ? -errno
											: 0;
	}
	return -ENOENT;
}

void mounts_resize(const struct bootplan *plan)
{
	for (size_t i = 0; i < plan->tmpfs_count; i++) {
		const struct plan_tmpfs *tmpfs = &plan->tmpfses[i];
		int r = tmpfs->at && tmpfs->size ? resize(tmpfs) : -EINVAL;

		/* not mounted yet: root_cow.c */
		if (tmpfs->at && text_equal(tmpfs->at, "/"))
			continue;
		if (r < 0)
			(void)log_line(LOG_WARNING, r,
				       "mounts: cannot give '%s' the size %s (%s), it keeps 20%%",
				       tmpfs->at ? tmpfs->at : "", tmpfs->size ? tmpfs->size : "",
				       strerror(-r));
	}
}

int mounts_share(void)
{
	return mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL) < 0 ? -errno : 0;
}

/* what its manager has mounted is left alone, what it does not allow is done without */
static int in_container(const struct machine *machine, struct step_record *record)
{
	int r;

	(void)mount_all(machine, record);
	standard_files();
	link_all();
	r = directory_make(RUN_DIRECTORY, 0755);
	if (r < 0)
		return step_details(record, r, "cannot make '%s': %s", RUN_DIRECTORY, strerror(-r));
	r = container_machine_id();
	if (r < 0 && r != -EROFS)
		(void)log_line(LOG_WARNING, r,
			       "mounts: cannot write '/etc/machine-id' (%s), "
			       "going on",
			       strerror(-r));
	return step_details(record, 0, "container=%s%s", machine->container,
			    r > 0 ? " machine-id=new" : "");
}

int step_mounts(struct machine *machine, struct step_record *record)
{
	int r;

	if (machine->container)
		return in_container(machine, record);
	/* tried again after a failure: the root may be done already, and other mounts be there */
	if (!machine->root_is_settled) {
		r = look(record);
		if (r < 0)
			return r;
		machine->rootfs_is_bare = r == 1;
		r = machine->rootfs_is_bare ? root_settle() : 0;
		if (r < 0)
			return step_details(record, r, "cannot bind '/' on itself: %s",
					    strerror(-r));
		machine->root_is_settled = true;
	}
	r = mount_all(machine, record);
	standard_files();
	log_open();
	if (r < 0)
		return r;
	link_all();
	r = directory_make(RUN_DIRECTORY, 0755);
	if (r < 0)
		return step_details(record, r, "cannot make '%s': %s", RUN_DIRECTORY, strerror(-r));
	return step_details(record, 0, "root=%s", machine->rootfs_is_bare ? "rerooted" : "nullfs");
}
