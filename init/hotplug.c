/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hotplug.c - drivers for devices that appear when the machine runs
 *
 * In:    the kernel's messages about devices
 * Out:   their drivers loaded, by a process that reads the boot plan again for that
 * Not:   which driver (modules.c)
 *
 * The table of aliases takes as much memory as all else in this process, for events that are rare:
 * what Docker does all day (network interfaces, block devices of loops) asks for no driver.
 */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

#include "hotplug.h"
#include "memory.h"
#include "modules.h"
#include "plan.h"
#include "uevent.h"

static struct strings devices;

static void forget(void *context)
{
	struct machine *machine = context;

	modules_free(machine);
	bootplan_forget_modules(&machine->plan);
}

void hotplug_begin(struct machine *machine)
{
	machine->devices = &devices;
	memory_call(forget, machine);
	memory_release();
}

_Noreturn static void load(struct machine *machine)
{
	struct step_record record = { 0 };
	int r;

	(void)prctl(PR_SET_NAME, "mkinitrd-hotplug");
	r = plan_read(machine, &record);
	if (r == 0)
		r = modules_make(machine);
	if (r < 0) {
		(void)log_line(LOG_ERROR, r, "modules: no drivers for new devices: %s",
			       record.details[0] ? record.details : strerror(-r));
		_exit(1);
	}
	for (size_t i = 0; i < devices.count; i++)
		(void)modules_want_alias(machine, devices.items[i]);
	(void)modules_load_wanted(machine);
	_exit(0);
}

void hotplug_handle(struct machine *machine)
{
	pid_t pid;

	(void)uevent_drain(machine);
	if (devices.count == 0)
		return;
	strings_sort(&devices, true);
	pid = fork();
	if (pid == 0)
		load(machine);
	if (pid < 0)
		(void)log_line(LOG_ERROR, -errno, "modules: no drivers for new devices: %s",
			       strerror(errno));
	strings_free(&devices);
}
