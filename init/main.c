/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - PID 1: signals, the steps from top to bottom, hand-over
 *
 * In:    the rootfs that the kernel unpacked
 * Out:   the program that the boot plan calls main, running as PID 1 or below it
 * Not:   what the steps do (their own files), network and services (run_exec.c, supervise.c)
 */
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

#include "container.h"
#include "machine.h"
#include "mounts.h"
#include "notify.h"
#include "spawn.h"
#include "supervise.h"
#include "tree.h"

enum step_failure { FAIL_STOP, FAIL_NOTE };

// clang-format off
static const struct step {
	const char *name;
	step_function *function;
	enum step_failure failure; /* stop: rescue, then the step again; note: go on */
	bool is_for_main;	   /* a tree's own init does the same its own way */
	bool is_for_machine;	   /* in a container the machine's own init has done it */
} steps[] = {
	{ "mounts",   step_mounts,   FAIL_STOP, false, false },
	{ "plan",     step_plan,     FAIL_STOP, false, false },
	/* a missing disk or network says so itself */
	{ "modules",  step_modules,  FAIL_NOTE, false, true },
	{ "root",     step_root,     FAIL_STOP, false, true },
	{ "clock",    step_clock,    FAIL_NOTE, false, true },
	{ "disk",     step_disk,     FAIL_STOP, false, true },
	{ "swap",     step_swap,     FAIL_NOTE, false, true },
	{ "settings", step_settings, FAIL_NOTE, true,  false },
	{ "cgroups",  step_cgroups,  FAIL_STOP, true,  false },
	{ "limits",   step_limits,   FAIL_NOTE, true,  false },
};

/* the same program under other names */
static const struct applet {
	const char *name;
	int (*function)(int argc, char **argv);
} applets[] = {
	{ "poweroff",       applet_power },
	{ "reboot",         applet_power },
	{ "halt",           applet_power },
	{ "boot-times",     applet_boot_times },
	{ "udhcpc-script",  applet_dhcp_script },
	{ "docker",         applet_docker },
	{ "sntp",           applet_sntp },
	{ "mkinitrd-mount", applet_mount },
	{ "shutdown",       applet_shutdown },
};
// clang-format on

/* rd.break=: once, before the step of this name */
static void break_before(struct machine *machine, const char *name)
{
	const struct step_record record = { .name = name };

	if (!machine->break_step || !text_equal(machine->break_step, name))
		return;
	memory_free(&machine->break_step);
	rescue(machine, &record, true);
}

static int do_step(struct machine *machine, const struct step *step, struct step_record *record)
{
	if (step->is_for_machine && machine->container)
		return step_details(record, STEP_SKIP, "in a container");
	if (step->is_for_main && machine->tree_init)
		return step_details(record, STEP_SKIP, "%s does that", machine->tree_init);
	return step->function(machine, record);
}

static void run_step(struct machine *machine, const struct step *step)
{
	break_before(machine, step->name);
	for (;;) {
		struct step_record *record = step_begin(machine, step->name);
		int r = do_step(machine, step, record);

		step_end(machine, record, r);
		notify_send("STATUS=%s: %s", record->name, r < 0 ? "failed" : record->details);
		if (r >= 0 || step->failure == FAIL_NOTE)
			return;
		if (!machine->container)
			log_open(); /* "mounts" may have failed before it */
		rescue(machine, record, false);
	}
}

static bool is_supervised(const struct machine *machine)
{
	if (machine->plan.mode == PLAN_MODE_SUPERVISE || !machine->container)
		return machine->plan.mode == PLAN_MODE_SUPERVISE;
	(void)log_line(
		LOG_INFO, 0,
		"mode: supervise, not exec: in a container only process 1 hears its manager");
	return true;
}

/* returns only to be called again */
static void hand_over(struct machine *machine)
{
	struct step_record *record = NULL;
	int r = 0;

	if (machine->tree_init) {
		r = tree_become(machine);
		record = step_begin(machine, "exec");
		(void)step_details(record, r, "cannot become '%s': %s", machine->tree_init,
				   strerror(-r));
		step_end(machine, record, r);
		rescue(machine, record, false);
		return;
	}
	r = mounts_share();

	if (r < 0)
		(void)log_line(machine->container ? LOG_DEBUG : LOG_WARNING, r,
			       "cannot share mounts (%s): containers cannot have shared binds",
			       strerror(-r));
	r = is_supervised(machine) ? run_supervise(machine, &record) : run_exec(machine, &record);
	if (!record) {
		record = step_begin(machine, "exec");
		step_end(machine, record, r < 0 ? r : -EIO);
	}
	rescue(machine, record, false);
}

static int usage(const char *name)
{
	(void)fprintf(stderr,
		      "%s: this is mkinitrd's init; it runs as process 1 of a machine, started by "
		      "the kernel.\n"
		      "By other names it is: poweroff, reboot, halt, boot-times, udhcpc-script, "
		      "docker, sntp, mkinitrd-mount, shutdown.\n",
		      name);
	return 2;
}

int main(int argc, char **argv)
{
	static struct machine machine = { .uevent_fd = -1 };
	const char *name = argc > 0 ? basename(argv[0]) : "init";

	for (size_t i = 0; i < COUNT_OF(applets); i++)
		if (text_equal(applets[i].name, name))
			return applets[i].function(argc, argv);
	if (getpid() != 1)
		return usage(name);
	/* ---- PID 1 from here on: it never returns, never exits, never aborts ---- */
	(void)mallopt(M_ARENA_MAX, 1); /* threads load modules; a heap for each would stay */
	signals_reset();
	(void)umask(022);
	machine.arguments = argv;
	machine.container = container_find();
	if (machine.container) {
		machine.zero_us = clock_us();
		log_open_console();
		notify_open();
	}
	for (size_t i = 0; i < COUNT_OF(steps); i++)
		run_step(&machine, &steps[i]);
	break_before(&machine, "exec");
	for (;;)
		hand_over(&machine);
}
