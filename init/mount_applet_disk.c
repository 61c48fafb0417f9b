/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount_applet_disk.c - "mkinitrd-mount": the step "disk" in a root that is not "/" yet
 *
 * In:    mkinitrd.disk=, a boot plan's disk where there is one, the mounted root
 * Out:   the disk, mounted in the root
 * Not:   finding, checking and mounting it (disk.c); volumes, which lie in a root that is "/"
 * Facts: openat2(2): RESOLVE_IN_ROOT takes links as the root itself will take them
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "lib/cleanup.h"
#include "lib/find.h"
#include "mount_applet_disk.h"
#include "root_request.h"

#define PLACE "/var/lib/docker"

static int open_in(int root_fd, const char *path)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* the directory @path of the root, made with all that leads to it. Return: a descriptor or -errno
 */
static int make_in(const char *root, const char *path)
{
	CLEANUP(fd_close) int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(fd_close) int parent = -1;
	CLEANUP(memory_free) char *copy = strdup(path);
	char *end = copy;

	if (root_fd < 0 || !copy)
		return copy ? -errno : -ENOMEM;
	parent = open_in(root_fd, "/");
	while (parent >= 0 && *(end += strspn(end, "/"))) {
		char *name = end, kept;
		int next;

		end += strcspn(end, "/");
		kept = *end;
		*end = '\0';
		next = open_in(root_fd, copy);
		if (next == -ENOENT && mkdirat(parent, name, 0755) == 0)
			next = open_in(root_fd, copy);
		else if (next == -ENOENT && errno != EEXIST)
			next = -errno;
		*end = kept;
		fd_close(&parent);
		parent = next;
	}
	return fd_take(&parent);
}

/* where it is, seen from here. Return: 0 or a negative errno */
static int find_place(const char *root, const char *at, char **ret_path)
{
	CLEANUP(fd_close) int fd = make_in(root, at);
	CLEANUP(text_free) struct text link = TEXT_EMPTY;

	if (fd < 0)
		return fd;
	text_format(&link, "/proc/self/fd/%d", fd);
	*ret_path = realpath(text_string(&link), NULL);
	return *ret_path ? 0 : -errno;
}

/* the checker that this initramfs happens to have */
static void choose_checker(struct plan_disk *disk)
{
	static const char *const paths[] = { "/usr/sbin/e2fsck", "/usr/bin/e2fsck",
					     "/sbin/e2fsck" };

	if (disk->fsck && access(disk->fsck, X_OK) == 0)
		return;
	memory_free(&disk->fsck);
	for (size_t i = 0; i < COUNT_OF(paths) && !disk->fsck; i++)
		if (access(paths[i], X_OK) == 0)
			disk->fsck = strdup(paths[i]);
}

/* Return: 1 a disk is wanted, 0 none is, or a negative errno */
static int read_request(struct machine *machine, struct step_record *record)
{
	struct plan_disk *disk = &machine->plan.disk;
	const char *value = cmdline_last(&machine->cmdline, "mkinitrd.disk");
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	enum find_kind kind;
	const char *rest;
	int r;

	if (!value || !*value)
		return machine->plan.has_disk;
	if (!find_parse(value, &kind, &rest))
		return step_details(record, -EINVAL, "mkinitrd.disk=%s: give " FIND_FORMS, value);
	if (!machine->plan.has_disk) {
		disk->wait = ROOT_WAIT_MS;
		r = root_wait_read(&machine->cmdline, &disk->wait, &why);
		if (r < 0)
			return step_details(record, r, "%s", text_string(&why));
	}
	machine->plan.has_disk = true;
	free(disk->find);
	disk->find = strdup(value);
	return disk->find ? 1 : step_details(record, -ENOMEM, "%s", strerror(ENOMEM));
}

int applet_disk(struct machine *machine, const char *root, struct step_record *record)
{
	struct plan_disk *disk = &machine->plan.disk;
	const char *at = disk->at ? disk->at : PLACE;
	char *place = NULL;
	int r = read_request(machine, record);

	if (r <= 0)
		return r < 0 ? r : step_details(record, STEP_SKIP, "nobody names one");
	if (disk->volumes.count > 0)
		(void)log_line(LOG_WARNING, 0,
			       "disk: the plan's volumes are not mounted by mkinitrd-mount");
	strings_free(&disk->volumes);
	choose_checker(disk);
	r = find_place(root, at, &place);
	if (r < 0)
		return step_details(record, r,
				    "there is no directory '%s' in the root at '%s', and none can "
				    "be made: %s; make it in the tree, or give the root a writable "
				    "layer: mkinitrd.cow=tmpfs",
				    at, root, strerror(-r));
	free(disk->at);
	disk->at = place;
	return step_disk(machine, record);
}
