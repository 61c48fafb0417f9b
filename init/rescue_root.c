/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue_root.c - programs for rescue while they lie in the SquashFS that the image carries
 *
 * In:    the SquashFS, as the kernel unpacked it
 * Out:   /usr as an overlay of what is there and what is in it, only read
 * Not:   the root (root.c), which is put together anew from the file
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "lib/file.h"
#include "loop.h"
#include "modules.h"
#include "api_mounts.h"
#include "rescue_root.h"
#include "root_mount.h"
#include "verity.h"

#define RESCUE_IMAGE RUN_DIRECTORY "/rescue"

static bool is_carried(const struct machine *machine)
{
	const struct plan_root *root = &machine->plan.root;

	return machine->plan.has_root && !machine->root_is_entered && root->image &&
	       text_equal(root->find, "none");
}

/* what the plan has a hash tree for is never read past it. Return: 0 or a negative errno */
static int mount_image(const struct machine *machine, const char *device)
{
	CLEANUP(memory_free) char *checked = NULL;

	if (machine->plan.has_verity) {
		int r;

		(void)modules_load_alias(machine, "crypto-sha256");
		root_need(machine, NULL, "dm_mod");
		root_need(machine, NULL, "dm_verity");
		r = verity_open(&machine->plan.verity, device, &checked);
		if (r < 0)
			return r;
	}
	root_need(machine, "squashfs", "squashfs");
	return mount(checked ? checked : device, RESCUE_IMAGE, "squashfs", MS_RDONLY, NULL) < 0
		       ? -errno
		       : 0;
}

static void unmount_image(void)
{
	if (umount2(RESCUE_IMAGE, 0) < 0)
		(void)umount2(RESCUE_IMAGE, MNT_DETACH);
	verity_close();
}

void rescue_root_enter(struct machine *machine)
{
	CLEANUP(loop_close) struct loop loop = LOOP_EMPTY;
	CLEANUP(fd_close) int fd = -1;

	if (!is_carried(machine) || (!machine->modules && modules_make(machine) < 0))
		return;
	fd = open(machine->plan.root.image, O_RDONLY | O_CLOEXEC);
	root_need(machine, NULL, "loop");
	if (fd < 0 || loop_attach(fd, machine->plan.root.image, &loop) < 0 ||
	    directory_make(RESCUE_IMAGE, 0700) < 0)
		return;
	if (mount_image(machine, loop.path) < 0) {
		verity_close();
		return;
	}
	root_need(machine, "overlay", "overlay");
	if (mount("overlay", "/usr", "overlay", MS_RDONLY, "lowerdir=/usr:" RESCUE_IMAGE "/usr") <
	    0)
		unmount_image();
}

void rescue_root_leave(void)
{
	if (!is_mount_point(RESCUE_IMAGE))
		return;
	(void)umount2("/usr", MNT_DETACH);
	unmount_image();
}
