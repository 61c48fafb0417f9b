/* SPDX-License-Identifier: Apache-2.0 */
/*
 * modules.h - wanting modules one by one and loading them together
 */
#pragma once

#include "machine.h"

/** modules_make() - loader and alias index for machine->plan. Return: 0 or -ENOMEM */
int modules_make(struct machine *machine);

/** modules_want_alias() - note what matches @modalias; nothing is loaded yet. Without loader it is
 * kept in machine->devices. Return: matches */
size_t modules_want_alias(const struct machine *machine, const char *modalias);

/** modules_load_wanted() - load what was noted, and what the devices ask for that this brings.
 * Return: how many were tried */
size_t modules_load_wanted(const struct machine *machine);

/** modules_handle_events() - read what the kernel said about devices, load what they ask for.
 * Return: how many block devices were added or changed */
size_t modules_handle_events(const struct machine *machine);

/** modules_join() - wait, for a bounded time, until the modules that are loaded beside the boot's
 * steps are there */
void modules_join(struct machine *machine);

/** modules_load_name() - load the plan's module @name with what it needs. Return: 0, or -ENOENT
 * when the plan has none of that name; a failure is logged */
int modules_load_name(const struct machine *machine, const char *name);

/** modules_set_modprobe() - tell the kernel which program to run when it wants a module itself */
void modules_set_modprobe(void);

/** modules_want_present() - note the modules of every device that the kernel shows in /sys */
void modules_want_present(const struct machine *machine);
