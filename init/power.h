/* SPDX-License-Identifier: Apache-2.0 */
/*
 * power.h - the end of the machine
 */
#pragma once

#include "control_message.h"
#include "runtime.h"

/**
 * power_end() - containers, services, file systems, in this order, each bounded; then reboot(2)
 * @force: sync and reboot(2) at once
 *
 * Waits itself, without the loop; never returns.
 */
_Noreturn void power_end(struct runtime *runtime, enum power_action action, bool force);

/** power_command() - the RB_... of reboot(2) */
int power_command(enum power_action action);
