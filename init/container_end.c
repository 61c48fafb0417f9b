/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_end.c - the last word of a container's process 1
 *
 * In:    what was asked for
 * Out:   the container ended
 * Not:   what runs in it (power.c)
 * Facts: in a PID namespace other than the first, reboot(2) ends process 1 by SIGHUP (restart) or
 *        SIGINT (power-off, halt), for those who have CAP_SYS_BOOT: reboot(2). 133 is the status by
 *        which systemd-nspawn asks its unit for a restart: systemd-nspawn@.service
 */
#include <stdlib.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "container.h"
#include "power.h"

#define STATUS_RESTART 133

_Noreturn void container_end(enum power_action action, int status)
{
	if (status == 0)
		(void)reboot(power_command(action));
	_exit(status ? status : action == POWER_REBOOT ? STATUS_RESTART : EXIT_SUCCESS);
}
