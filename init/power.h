/* SPDX-License-Identifier: Apache-2.0 */
/*
 * power.h - the end of the machine
 */
#pragma once

#include "control_message.h"
#include "runtime.h"

/**
 * power_end() - main, containers, services, file systems, in this order, bounded all together;
 * then reboot(2)
 * @force: sync and reboot(2) at once
 *
 * Waits itself, without the loop; never returns.
 */
_Noreturn void power_end(struct runtime *runtime, enum power_action action, bool force);

/** power_watch() - a process of its own ends the machine after @within_ms whatever the caller does:
 * a call on a disk that does not answer may never return */
void power_watch(enum power_action action, uint64_t within_ms);

/** power_command() - the RB_... of reboot(2) */
int power_command(enum power_action action);
