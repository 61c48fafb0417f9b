/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout.h - how an image is put together, and what of the profile follows from it
 */
#pragma once

#include "image.h"
#include "profile.h"
#include "../init/lib/bootplan.h"

struct kernel;
struct kernel_config;

struct squashfs_made;

struct layout {
	bool is_squashfs;
	bool is_beside; /* the SquashFS is a file of its own */
	bool has_verity;
	struct squashfs_form form;
};

bool layout_is_known(const char *name);

/** layout_choose() - from --layout (a known one), --squashfs (NULL: not given) and "output:" of the
 * profile; speaks */
int layout_choose(const struct profile *profile, const char *option, const char *beside,
		  struct layout *ret_layout);

/** layout_needs() - put what the layout needs of the kernel into the profile; speaks */
int layout_needs(const struct layout *layout, struct profile *profile);

/** layout_check_kernel() - whether a kernel can mount it; speaks, naming what the kernel lacks
 * @is_forced: a warning instead. Return: 0 or -ENOTSUP */
int layout_check_kernel(const struct layout *layout, const struct kernel_config *config,
			const char *release, bool is_forced);

/** layout_plan() - where the root is, in a plan that has what the profile says; speaks */
int layout_plan(const struct layout *layout, struct bootplan *plan);

struct resolve;

/** layout_places() - into what the SquashFS holds, the directories that init mounts something on:
 * with "cow: none" nobody can make them; speaks */
int layout_places(const struct layout *layout, struct resolve *resolve,
		  const struct bootplan *plan);

/** layout_plan_verity() - the hash tree of the SquashFS, when it is there; quiet. Return: 0 or
 * -ENOMEM */
int layout_plan_verity(const struct squashfs_made *made, struct bootplan *plan);

/** layout_keeps_xattr() - whether a SquashFS can have an attribute of this name */
bool layout_keeps_xattr(const char *name);
