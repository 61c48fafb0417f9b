/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_mounts.c - the kernel's own file systems, in whatever place we run
 *
 * In:    rows of one table
 * Out:   /dev /proc /sys /run and more, links in /dev, a root that pivot_root(2) accepts
 * Not:   cgroups (cgroup_setup.c), disks; which rows a place needs (mounts.c,
 * dockerlaunch_mounts.c) Facts: docs/boot.md section 1. The bind of "/" lands on top of the
 * process's root, and a look-up that starts at the root does not step onto it, while ".." at the
 * root does: hence chdir("/..") and chroot("."), in this order.
 */
#include "api_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "lib/file.h"

#define MOUNTINFO_BYTES (1 << 20)

// clang-format off
const struct api_mount api_mounts[] = {
	{ "devtmpfs", "/dev",     MS_NOSUID,                          "mode=0755", true, false },
	{ "proc",     "/proc",    MS_NOSUID | MS_NODEV | MS_NOEXEC,   NULL,        true, false },
	{ "sysfs",    "/sys",     MS_NOSUID | MS_NODEV | MS_NOEXEC,   NULL,        true, false },
	{ "tmpfs",    "/run",     MS_NOSUID | MS_NODEV,               "mode=0755,size=20%", true, false },
	{ "devpts",   "/dev/pts", MS_NOSUID | MS_NOEXEC,
	  "mode=0620,gid=5,ptmxmode=0666", true, false },
	{ "tmpfs",    "/dev/shm", MS_NOSUID | MS_NODEV,               "mode=1777,size=20%", true, false },
	{ "tmpfs",    "/tmp",     MS_NOSUID | MS_NODEV,               "mode=1777,size=20%", true, true },
	{ "mqueue",   "/dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL,       false, false },
};
const size_t api_mount_count = COUNT_OF(api_mounts);

const struct api_link api_links[] = {
	{ "/proc/self/fd",   "/dev/fd" },
	{ "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" },
	{ "/proc/self/fd/2", "/dev/stderr" },
	{ "../run",          "/var/run" },
};
const size_t api_link_count = COUNT_OF(api_links);
// clang-format on

bool is_mount_point(const char *path)
{
	struct statx status;

	return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &status) == 0 &&
	       (status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

int api_mount_make(const struct api_mount *row)
{
	int r = directory_make(row->at, 0755);

	if (r < 0)
		return r;
	if (is_mount_point(row->at))
		return 0;
	return mount(row->type, row->at, row->type, row->flags, row->options) < 0 ? -errno : 1;
}

void api_mount_why(const struct api_mount *row, int error, struct text *text)
{
	text_format(text, "cannot mount '%s' at '%s': %s", row->type, row->at,
		    error == -ENODEV ? "this kernel does not have it" : strerror(-error));
}

int api_link_make(const struct api_link *link)
{
	if (symlink(link->target, link->path) == 0)
		return 1;
	return errno == EEXIST ? 0 : -errno;
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

int root_is_bare(void)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	bool was_there = is_mount_point("/proc");
	int r;

	if (!was_there) {
		if (mkdir("/proc", 0755) < 0 && errno != EEXIST)
			return -errno;
		if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
			return -errno;
	}
	r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_BYTES, &text);
	/* so that the re-root is the first mount */
	if (!was_there && umount("/proc") < 0 && r == 0)
		r = -errno;
	return r < 0 ? r : mountinfo_is_bare(text_string(&text));
}

int root_settle(void)
{
	if (mount("/", "/", NULL, MS_BIND | MS_REC, NULL) < 0 || chdir("/..") < 0 ||
	    chroot(".") < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}
