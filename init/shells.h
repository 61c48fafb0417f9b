/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shells.h - the host's own shell on terminals
 */
#pragma once

#include "supervisor.h"

/* for ENV of interactive shells, here and in the console container */
#define SHELL_RC_PATH RUN_DIRECTORY "/shell.rc"

/** shells_write_rc() - with it poweroff, reboot and halt are ours, whatever the shell has built in
 */
void shells_write_rc(void);

/** shells_start() - one on each terminal of the plan's shell, for ever */
void shells_start(struct supervisor *supervisor);
