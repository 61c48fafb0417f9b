/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hotplug.h - drivers for devices that appear when the machine runs
 */
#pragma once

#include "machine.h"

/** hotplug_begin() - from now on drivers are loaded by a process of its own, made when a device
 * asks for one; what this process knows of modules and aliases is freed */
void hotplug_begin(struct machine *machine);

/** hotplug_handle() - read what the kernel said about devices; start the process if it must be.
 * Nobody waits for it: the caller reaps it as any child */
void hotplug_handle(struct machine *machine);
