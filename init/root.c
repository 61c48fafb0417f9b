/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root.c - the step "root": the file system in which all that follows happens
 *
 * In:    plan.root, the command line
 * Out:   the root as "/"; what becomes of this process there
 * Not:   mounting it (root_mount.c), making it "/" (switch_root.c), other initramfs
 *        (mount_applet.c)
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "host_bundle.h"
#include "modules.h"
#include "api_mounts.h"
#include "parameters.h"
#include "root_mount.h"
#include "switch_root.h"
#include "tree.h"

/* a tree's own init, or the program that plan or command line name */
static int choose_init(struct machine *machine, struct step_record *record)
{
	const char *wanted = cmdline_last(&machine->cmdline, "init");

	memory_free(&machine->tree_init);
	if (machine->plan.has_main || cmdline_last(&machine->cmdline, "mkinitrd.exec"))
		return 0;
	return tree_find_init(record, ROOT_NEW, wanted && *wanted ? wanted : NULL,
			      &machine->tree_init);
}

/* the new root is mounted */
static int enter(struct machine *machine, struct step_record *record)
{
	int r = choose_init(machine, record);

	/* the tree decides about its /tmp */
	if (r == 0 && machine->tree_init)
		(void)umount2("/tmp", MNT_DETACH);
	if (r == 0)
		r = switch_root(machine, record, ROOT_NEW, !machine->tree_init);
	if (r < 0)
		return r;
	machine->root_is_entered = true;
	modules_set_modprobe();
	if (machine->tree_init)
		tree_exit_prepare(machine, "/");
	return 0;
}

static int put_together(struct machine *machine, struct step_record *record, struct text *details)
{
	CLEANUP(root_request_free) struct root_request request = ROOT_REQUEST_EMPTY;
	CLEANUP(root_close)
	struct root root = { .machine = machine, .request = &request, .record = record };
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	int r = root_request_make(&request, &machine->plan, &machine->cmdline, &why);

	if (r < 0)
		return step_details(record, r, "%s", why.length ? text_string(&why) : strerror(-r));
	r = root_mount(&root, ROOT_NEW);
	/* the first blank separates it from what stands before */
	text_add(details, root.details.length ? text_string(&root.details) + 1 : "");
	return r;
}

int step_root(struct machine *machine, struct step_record *record)
{
	const char *root = cmdline_last(&machine->cmdline, "root");
	CLEANUP(text_free) struct text details = TEXT_EMPTY;
	bool is_by_hand = !machine->root_is_entered && is_mount_point(ROOT_NEW);
	int r = 0;

	if (!machine->plan.has_root) {
		r = host_bundle_apply(machine, record, NULL, NULL, "/");
		if (r < 0)
			return r;
	}
	if (!machine->plan.has_root && root)
		return step_details(record, STEP_SKIP,
				    "this image is its own root; root=%s is not for it", root);
	if (!machine->plan.has_root)
		return step_details(record, STEP_SKIP, "this image is its own root");
	if (is_by_hand)
		text_add(&details, "source=mounted-by-hand");
	else if (!machine->root_is_entered)
		r = put_together(machine, record, &details);
	if (r == 0 && !machine->root_is_entered) {
		r = enter(machine, record);
		/* the next try begins anew */
		if (r < 0 && !machine->root_is_entered && !is_by_hand)
			root_unmount(ROOT_NEW);
	}
	if (r == 0)
		r = parameters_main(machine, record);
	return r < 0 ? r
		     : step_details(record, 0, "%s%s%s", text_string(&details),
				    machine->tree_init ? " init=" : "",
				    machine->tree_init ? machine->tree_init : "");
}
