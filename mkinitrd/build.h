/* SPDX-License-Identifier: Apache-2.0 */
/*
 * build.h - from profiles and a root to a manifest, for commands that write it as something
 */
#pragma once

#include <stdint.h>

#include "options.h"
#include "resolve.h"
#include "run_settings.h"
#include "../init/lib/bootplan.h"

/* what one build works with; released together */
struct build {
	const struct options *options;
	struct profile profile;
	struct sysroot root;
	struct sysroot host; /* opened for "kernel.host-modules" alone */
	int tools_fd;
	struct resolve resolve;
	struct bootplan plan; /* of an image, and of a tree that boots */
	struct modules *modules;
	struct watch *watch; /* notes what it looks at in the root; NULL: nobody does */
	bool is_tree; /* not an initramfs: it has what its profile names, and what boots it only
		       * when the profile says what that is ("boot: main:") */
	struct run_settings run; /* of a tree */
};

#define BUILD_EMPTY                                \
	((struct build){ .profile = PROFILE_EMPTY, \
			 .root = SYSROOT_EMPTY,    \
			 .host = SYSROOT_EMPTY,    \
			 .tools_fd = -1 })

void build_free(struct build *build);

/** build_boots() - whether init, its boot plan and all that it needs belong into it */
bool build_boots(const struct build *build);

/** build_open() - the root, our own folder, an empty manifest and the kernel, when the profile is
 * loaded; speaks */
int build_open(struct build *build);

/** build_collect() - all that the profile names, with all that it needs, into the manifest; of what
 * boots the plan, not yet in the manifest; speaks */
int build_collect(struct build *build);

/** build_say_missing() - what was optional and is not there, in one line */
void build_say_missing(const struct build *build);

/** build_print() - --dry-run: the paths, one a line; with -v who wanted each */
void build_print(const struct build *build);

/** build_tree() - the finished manifest of a tree, from its profiles on; speaks
 * @build: BUILD_EMPTY with the options */
int build_tree(struct build *build);

/** build_image() - what `mkinitrd build` does with these options; speaks
 * @shown_as: what the summary calls the image; NULL: its path */
int build_image(const struct options *options, const char *shown_as);

/** build_image_watched() - the same, with @made called when the image is in place; speaks
 * @watch: told what the build looks at in the root
 * @made:  gets the finished build; quiet or not, as its author likes. Its failure is the result */
int build_image_watched(const struct options *options, const char *shown_as, struct watch *watch,
			int (*made)(void *context, const struct build *build), void *context);

/** build_time() - of everything that is made: SOURCE_DATE_EPOCH, or 0; speaks */
int build_time(int64_t *ret_mtime);
