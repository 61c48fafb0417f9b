/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue_advice.c - what to try after a failed step
 *
 * In:    the step's name, the plan
 * Out:   lines for people
 * Not:   why the step failed: its record has said so
 */
#include "rescue_advice.h"

/* what can be tried in the shell, and what at the boot loader */
static const struct {
	const char *step, *here, *next_boot;
} rows[] = {
	{ "plan", NULL, "correct the parameter that is named above, or build the image again" },
	{ "root",
	  "cat /proc/partitions; mkdir -p /run/mkinitrd/root; mount DEVICE /run/mkinitrd/root; "
	  "exit",
	  "root=LABEL=... and mkinitrd.image=PATH for another one, mkinitrd.cow=tmpfs for changes "
	  "in "
	  "memory" },
	{ "disk", "cat /proc/partitions; mkdir -p MOUNTPOINT; mount DEVICE MOUNTPOINT; exit",
	  "mkinitrd.disk=LABEL=... for another disk, mkinitrd.disk=none for none (nothing is "
	  "kept)" },
	{ "cgroups", "cat /proc/cgroups; cat /proc/filesystems",
	  "take cgroup_disable= and systemd.unified_cgroup_hierarchy= from the command line" },
	{ "services", "start the program by hand and read what it says",
	  "rd.break=services stops before they are started" },
	{ "exec", "ls -l of the program", "mkinitrd.exec=PROGRAM starts another one" },
};

void rescue_advice(const struct machine *machine, const char *step, bool has_shell,
		   struct text *text)
{
	const struct strings *shell = &machine->plan.shell.exec;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (!text_equal(rows[i].step, step))
			continue;
		text_add(text, "  What to try:\n");
		if (has_shell && rows[i].here)
			text_format(text, "    here: %s\n", rows[i].here);
		text_format(text, "    at the boot loader: %s\n", rows[i].next_boot);
	}
	/* without a runtime nobody can end the machine in order */
	if (has_shell)
		text_format(text,
			    "  More: dmesg, boot-times, cat " BOOT_RECORD_PATH
			    ". The end: poweroff%s, reboot%s\n",
			    access(CONTROL_PATH, F_OK) == 0 ? "" : " -f",
			    access(CONTROL_PATH, F_OK) == 0 ? "" : " -f");
	else if (machine->plan.has_shell && shell->count && !machine->shell_allowed)
		text_add(text, "  rd.shell=1 at the boot loader gives a shell here\n");
}
