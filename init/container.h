/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.h - process 1 of a container: what its manager tells, and what it is told at the end
 */
#pragma once

#include <stdbool.h>

#include "control_message.h"

/** container_is_here() - is this process in another PID namespace than the machine's first? */
bool container_is_here(void);

/**
 * container_find() - who runs the container that this is process 1 of
 *
 * Return: "systemd-nspawn", "docker", "podman", "lxc", or whatever the manager calls itself;
 * "other" when it does not; NULL on a machine. To be freed.
 */
char *container_find(void);

/** container_machine_id() - give an empty /etc/machine-id the manager's, or a random one. Return: 1
 * done, 0 there is nothing to do, or a negative errno */
int container_machine_id(void);

/** container_end() - the last word of process 1 (container_end.c): reboot(2), by which the manager
 * learns what is asked for, or an exit status: @status when that is not 0, or one for @action where
 * reboot(2) is not allowed */
_Noreturn void container_end(enum power_action action, int status);
