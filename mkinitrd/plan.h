/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - the boot plan that a profile asks for
 */
#pragma once

#include "resolve.h"
#include "run_settings.h"
#include "../init/lib/bootplan.h"

/**
 * plan_services() - everything of "boot:" but modules; speaks
 *
 * Programs that the plan starts are resolved into resolve->manifest, wanted by their own line, so
 * that exec[0] of each argv is a path that the image holds.
 *
 * Return: 0 or a negative errno
 */
int plan_services(struct resolve *resolve, struct bootplan *plan);

/**
 * plan_network() - "boot: network:", "dhcp:", "dns:" and "ntp:", and what is known of the time, one
 * part of plan_services(); speaks
 *
 * Interfaces that are named without a wildcard come first, so that a profile that is laid over
 * another can take one out of a pattern.
 */
int plan_network(struct resolve *resolve, const struct value *boot, struct bootplan *plan);

/**
 * plan_choices() - "boot: choose:", one part of plan_services(); speaks
 *
 * A program is redirected where the image has it. Of what is to choose from, only that is taken of
 * which the root has every program; nothing when that is nothing.
 */
int plan_choices(struct resolve *resolve, const struct value *choose, struct bootplan *plan);

/** plan_log() - "boot: log:", when the plan has its disk; speaks */
int plan_log(struct resolve *resolve, const struct value *log, struct bootplan *plan);

/** plan_rescue(), plan_tmpfs() - "boot: rescue:" and "boot: tmpfs:". Return: 0 or -ENOMEM */
int plan_rescue(const struct value *rescue, struct bootplan *plan);
int plan_tmpfs(const struct value *sizes, struct bootplan *plan);

/**
 * plan_root() - "boot: root:", before all that names programs; speaks
 *
 * With "find: none" what is said of changes is kept for the layout that carries a root; the plan
 * has no "root" line then.
 */
int plan_root(struct resolve *resolve, const struct value *root, struct bootplan *bootplan);

/** plan_has_tree() - is the root on a device, and what runs in it not in the image? */
bool plan_has_tree(const struct bootplan *plan);

/** plan_exec_in_tree() - plan_exec() for such a root: a whole path, and nothing is packed */
int plan_exec_in_tree(const struct resolve *resolve, const struct value *list,
		      struct strings *ret_exec);

/**
 * plan_bundle() - "boot: bundle:", one part of plan_services(); speaks
 *
 * After plan_root(). Its key is read and becomes digits in the plan.
 */
int plan_bundle(struct resolve *resolve, const struct value *bundle, struct bootplan *plan);

/**
 * plan_disk() - "boot: disk:", one part of plan_services(); speaks
 *
 * Its tools, e2fsck and mke2fs, are named where the image has them.
 */
int plan_disk(struct resolve *resolve, const struct value *disk, struct bootplan *bootplan);

/**
 * plan_console(), plan_shell() - "boot: console:" and "boot: shell:", parts of plan_services();
 * speak
 */
int plan_console(struct resolve *resolve, const struct value *console, struct bootplan *plan);
int plan_shell(struct resolve *resolve, const struct value *shell, struct bootplan *plan);

/**
 * plan_declared() - "boot: containers:", one part of plan_services(); speaks
 *
 * After main, which must be Docker. An environment file that the image has must be of mode 0600.
 */
int plan_declared(struct resolve *resolve, const struct value *containers, struct bootplan *plan);

/* for the parts of the plan; all speak */

/** plan_text() - a scalar with ${name} replaced; NULL stays NULL */
int plan_text(const struct resolve *resolve, const struct value *value, char **ret_text);

/** plan_texts() - the same for each of a list, added to *ret_texts; NULL is an empty list */
int plan_texts(const struct resolve *resolve, const struct value *list, struct strings *ret_texts);

/** plan_exec() - an argv: expanded, its program found in the root and packed, its first word the
 * path there */
int plan_exec(struct resolve *resolve, const struct value *list, const char *relation,
	      struct strings *ret_exec);

/**
 * plan_place() - user, directory and stop signal of a service or of main, checked in the image as
 * it is so far; a directory that it lacks is added; speaks
 * @run:          what holds where @value says nothing
 * @is_elsewhere: its root is not in the image
 */
int plan_place(struct resolve *resolve, const struct value *value, const char *name,
	       const struct run_settings *run, bool is_elsewhere, struct plan_service *service);

/** plan_is_like_run() - is main what "run:" says? */
bool plan_is_like_run(const struct profile *profile);

/** plan_run_find() - trees_program() for what "run:" names: a relative path is below the folder it
 * begins in, a name is looked for where its own PATH says */
int plan_run_find(const struct resolve *resolve, const struct run_settings *run, const char *name,
		  char **ret_path);

/** plan_run_exec() - its argv, where @value ("boot: main:") has none; the program is one of the
 * tree that is the root, found by its own PATH; speaks */
int plan_run_exec(struct resolve *resolve, const struct run_settings *run,
		  const struct value *value, struct strings *ret_exec);

/**
 * plan_calls() - "calls:" of a service or of main: what it calls must be in the image, unless it is
 * told to do without; speaks
 * @exec: its arguments
 *
 * When all of "programs:" and "boot:" has been resolved. Return: 0 or a negative errno
 */
int plan_calls(struct resolve *resolve, const struct value *service, const struct strings *exec);

/**
 * plan_program_place() - where the image has the program @name, as "/PATH"; speaks
 * @ret_path: stays NULL when the image does not have it; the caller frees it
 */
int plan_program_place(struct resolve *resolve, const char *name, const struct origin *at,
		       char **ret_path);

/** plan_replace() - the plan that the manifest has, by another; for as long as it is not packed;
 * speaks */
int plan_replace(struct manifest *manifest, const struct bootplan *plan);

/**
 * plan_add() - put the finished plan into the manifest as usr/lib/mkinitrd/boot.plan; speaks
 */
int plan_add(struct resolve *resolve, const struct bootplan *plan);
