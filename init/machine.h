/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine.h - what init knows about this boot, and its steps
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup_setup.h"
#include "lib/bootplan.h"
#include "lib/cmdline.h"
#include "log.h"

#define RUN_DIRECTORY "/run/mkinitrd"
#define BOOT_RECORD_PATH RUN_DIRECTORY "/boot.json"
#define CONTROL_PATH RUN_DIRECTORY "/control"
#define TOOL_DIRECTORY "/usr/lib/mkinitrd"
#define AGENT_PATH TOOL_DIRECTORY "/agent"
#define DHCP_SCRIPT_PATH TOOL_DIRECTORY "/udhcpc-script"

enum step_result { STEP_PENDING, STEP_OK, STEP_SKIPPED, STEP_FAILED };

/* how a step ended; details are "key=value ..." or the reason why not */
struct step_record {
	const char *name;
	enum step_result result;
	char details[600];
	uint64_t start_us, end_us;
};

/* mounts plan modules root bundle clock disk swap settings cgroups limits network metadata
 * services images containers console, and "exec" */
#define STEP_COUNT 18

struct machine {
	struct bootplan plan;
	struct cmdline cmdline;
	char *disk_name;        /* of the device at plan.disk.at, as in /sys/class/block, or NULL */
	char *cow_path;         /* the device mounted at ROOT_COW, for writing, or NULL */
	char *tree_init;        /* what this process becomes when the root has an init, or NULL */
	char **arguments;       /* of this process, from the kernel: NULL at the end */
	char *container;        /* whose container this is process 1 of; NULL: of a machine */
	uint64_t zero_us;       /* what times in the record count from: 0, or a container's start */
	bool root_is_entered;   /* the plan's root is "/" */
	char *break_step;       /* rd.break=: our name of the step to stop before, or NULL */
	bool shell_allowed;     /* rd.shell, panic= and whether the image has one */
	int64_t panic_seconds;  /* panic=: < 0 at once, 0 never restart, > 0 after so long */
	bool has_panic;         /* panic= was given */
	bool hostname_is_given; /* by ip=, or on the disk */
	bool rootfs_is_bare;  /* no nullfs below: init re-rooted itself (docs/boot.md section 1) */
	bool root_is_settled; /* that has been looked at and done */
	int uevent_fd; /* NETLINK_KOBJECT_UEVENT, opened before the first device is looked at */
	struct modules *modules; /* loader and alias index (modules.c), NULL before that step */
	pid_t beside_pid;        /* loads modules while the steps go on, 0: none */
	struct strings *devices; /* what new ones ask for without a loader (hotplug.c), or NULL */
	struct step_record records[STEP_COUNT];
	size_t record_count;
};

/**
 * A step of the boot. What it has to say goes into @details with step_details().
 *
 * Return: 0 ok, STEP_SKIP for skipped, or a negative errno for failed (details say why).
 */
#define STEP_SKIP 1
typedef int step_function(struct machine *machine, struct step_record *record);

step_function step_mounts, step_plan, step_modules, step_root, step_clock, step_disk, step_swap,
	step_settings, step_cgroups, step_limits;

/** step_details() - replace the details of a step; returns @result */
int step_details(struct step_record *record, int result, const char *format, ...) PRINTF_LIKE(3, 4);

/** step_begin(), step_end() - for steps that do not run in one piece (network, images, console):
 * begin notes the time; end logs the line "mkinitrd: STEP: ok DETAILS (12 ms)" and rewrites
 * boot.json. The record is the machine's, found or made by name. */
struct step_record *step_begin(struct machine *machine, const char *name);
void step_end(struct machine *machine, struct step_record *record, int result);

/** record_write() - /run/mkinitrd/boot.json from the records, whole or not at all */
void record_write(const struct machine *machine);

/* ---- modules (modules.c) ---- */

/** modules_load_alias() - load every module of the plan whose alias matches @modalias, with what
 * it needs. Return: how many matched; failures are logged */
int modules_load_alias(const struct machine *machine, const char *modalias);

/** modules_free() - forget loader and alias index, before the plan is read again */
void modules_free(struct machine *machine);

/* ---- rescue (rescue.c) ---- */

/**
 * rescue() - a step failed, or rd.break: say so, then a shell on every kernel console when the
 * image has one and it is allowed; returns when the shell ended (the caller tries the step again,
 * or goes on after rd.break). Without a shell: what panic= says (restart after so long, or halt
 * with the message left standing); does not return then.
 */
void rescue(struct machine *machine, const struct step_record *record, bool is_break);

/** rescue_has_shell() - is there a shell for a step that failed, and may it be started? */
bool rescue_has_shell(const struct machine *machine);

/* ---- hand-over (run_exec.c) ---- */

/**
 * run_exec() - fork the helper, let it start network and services, wait until they are ready,
 * then become main. Returns only on failure, with the failed step's record in *ret_record and all
 * that the helper had started ended again.
 */
int run_exec(struct machine *machine, struct step_record **ret_record);

/* ---- applets: the same binary under other names; each returns an exit status ---- */
int applet_power(int argc, char **argv);       /* poweroff, reboot, halt (control.c) */
int applet_docker(int argc, char **argv);      /* docker, in the console (docker_applet.c) */
int applet_boot_times(int argc, char **argv);  /* boot-times (boot_times_applet.c) */
int applet_dhcp_script(int argc, char **argv); /* udhcpc-script (dhcp_script.c) */
int applet_sntp(int argc, char **argv);        /* sntp (clock_sntp.c) */
int applet_mount(int argc, char **argv);       /* mkinitrd-mount (mount_applet.c) */
int applet_shutdown(int argc, char **argv);    /* shutdown, as process 1 (shutdown_applet.c) */
