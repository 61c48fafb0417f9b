/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.c - a root that pivot_root(2) accepts, and the kernel's own file systems
 *
 * In:    the rootfs as the kernel unpacked it, nothing mounted
 * Out:   /dev /proc /sys /run and more, links in /dev, the kernel log open
 * Not:   cgroups (cgroups.c), disks
 * Facts: docs/boot.md section 1. The bind of "/" lands on top of the process's root, and a
 *        look-up that starts at the root does not step onto it, while ".." at the root does:
 *        hence chdir("/..") and chroot("."), in this order. Made after other mounts it would leave
 *        them hidden below for ever, a dirty disk among them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/file.h"
#include "machine.h"
#include "mounts.h"

// clang-format off
static const struct mount_row {
	const char *type, *at;
	unsigned long flags;
	const char *options;
	bool is_required;
} mount_rows[] = {
	{ "devtmpfs", "/dev",     MS_NOSUID,                          "mode=0755", true },
	{ "proc",     "/proc",    MS_NOSUID | MS_NODEV | MS_NOEXEC,   NULL,        true },
	{ "sysfs",    "/sys",     MS_NOSUID | MS_NODEV | MS_NOEXEC,   NULL,        true },
	{ "tmpfs",    "/run",     MS_NOSUID | MS_NODEV,               "mode=0755,size=20%", true },
	{ "devpts",   "/dev/pts", MS_NOSUID | MS_NOEXEC,
	  "mode=0620,gid=5,ptmxmode=0666", true },
	{ "tmpfs",    "/dev/shm", MS_NOSUID | MS_NODEV,               "mode=1777,size=20%", true },
	{ "tmpfs",    "/tmp",     MS_NOSUID | MS_NODEV,               "mode=1777,size=20%", true },
	{ "mqueue",   "/dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL,       false },
};

/* devtmpfs does not make these; /run is where /var/run has moved to */
static const struct {
	const char *target, *path;
} link_rows[] = {
	{ "/proc/self/fd",   "/dev/fd" },
	{ "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" },
	{ "/proc/self/fd/2", "/dev/stderr" },
	{ "/run",            "/var/run" },
};
// clang-format on

bool is_mount_point(const char *path)
{
	struct statx status;

	return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &status) == 0 &&
	       (status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

int mountinfo_is_bare(const char *mountinfo)
{
	for (const char *line = mountinfo; line && *line;) {
		const char *end = strchr(line, '\n');
		char at[4];
		int id, parent;

		/* ID PARENT MAJOR:MINOR ROOT AT ...: proc_pid_mountinfo(5) */
		if (sscanf(line, "%d %d %*s %*s %3s", &id, &parent, at) == 3 && text_equal(at, "/"))
			return id == parent;
		line = end ? end + 1 : NULL;
	}
	return -EINVAL;
}

/* look before anything is mounted; /proc goes again, so that the re-root is the first mount */
static int look(struct step_record *record)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r;

	if (mkdir("/proc", 0755) < 0 && errno != EEXIST)
		return step_details(record, -errno, "cannot make '/proc': %s", strerror(errno));
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return step_details(record, -errno, "cannot mount '/proc': %s", strerror(errno));
	r = file_read(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &text);
	if (umount("/proc") < 0 && r == 0)
		r = -errno;
	if (r == 0)
		r = mountinfo_is_bare(text_string(&text));
	return r < 0 ? step_details(record, r, "cannot see what is mounted at '/': %s",
				    strerror(-r))
		     : r;
}

static int re_root(struct step_record *record)
{
	if (mount("/", "/", NULL, MS_BIND, NULL) < 0 || chdir("/..") < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		return step_details(record, -errno, "cannot bind '/' on itself: %s",
				    strerror(errno));
	return 0;
}

static int mount_all(struct step_record *record)
{
	for (size_t i = 0; i < COUNT_OF(mount_rows); i++) {
		const struct mount_row *row = &mount_rows[i];
		int r = directory_make(row->at, 0755);

		if (r == 0 && is_mount_point(row->at))
			continue;
		if (r == 0 && mount(row->type, row->at, row->type, row->flags, row->options) < 0)
			r = -errno;
		if (r < 0 && row->is_required)
			return step_details(
				record, r, "cannot mount '%s' at '%s': %s", row->type, row->at,
				r == -ENODEV ? "this kernel does not have it" : strerror(-r));
		if (r < 0)
			(void)log_line(LOG_WARNING, r,
				       "mounts: cannot mount '%s' at '%s' (%s), going on without",
				       row->type, row->at, strerror(-r));
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
	for (size_t i = 0; i < COUNT_OF(link_rows); i++)
		if (symlink(link_rows[i].target, link_rows[i].path) < 0 && errno != EEXIST)
			(void)log_line(LOG_WARNING, -errno,
				       "mounts: cannot make the link '%s' (%s), going on",
				       link_rows[i].path, strerror(errno));
}

void mounts_log(void)
{
	for (size_t i = 0; i < COUNT_OF(mount_rows); i++)
		if (is_mount_point(mount_rows[i].at))
			(void)log_line(LOG_DEBUG, 0, "mounts: %s at %s", mount_rows[i].type,
				       mount_rows[i].at);
}

static int resize(const struct plan_tmpfs *tmpfs)
{
	char options[64];

	for (size_t i = 0; i < COUNT_OF(mount_rows); i++) {
		const struct mount_row *row = &mount_rows[i];

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

int step_mounts(struct machine *machine, struct step_record *record)
{
	int r;

	/* tried again after a failure: the root may be done already, and other mounts be there */
	if (!machine->root_is_settled) {
		r = look(record);
		if (r < 0)
			return r;
		machine->rootfs_is_bare = r == 1;
		if (machine->rootfs_is_bare)
			r = re_root(record);
		if (r < 0)
			return r;
		machine->root_is_settled = true;
	}
	r = mount_all(record);
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
