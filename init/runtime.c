/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.c - all that runs beside main: started in order, and asked to end the machine
 *
 * In:    the boot plan; the control socket, signals, the kernel's events
 * Out:   network, services, host shells; when main runs images, containers and console; in the end
 *        the power-off
 * Not:   main itself: helper.c is this beside main (exec mode), supervise.c above it
 * Facts: main must have no child but its own, so this starts everything else, and adopts what that
 *        leaves behind: docs/boot.md sections 4 and 5. After RB_DISABLE_CAD ctrl-alt-del is SIGINT
 *        for the process in cad_pid: reboot(2), proc(5)
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>

#include "cgroup_tree.h"
#include "give_up.h"
#include "hotplug.h"
#include "lib/file.h"
#include "notify.h"
#include "output_sink.h"
#include "power.h"
#include "runtime.h"
#include "shells.h"
#include "spawn.h"

#define END_MS 5000

/* ---- when main runs ---- */

static void load_when_possible(struct runtime *runtime)
{
	/* Docker copies resolv.conf into containers, so the network comes first; its step is
	 * bounded, and a failed one will do */
	if (!runtime->has_answer || runtime->has_loaded ||
	    (!runtime->network.is_settled && !network_waits_for_images(&runtime->network)))
		return;
	runtime->has_loaded = true;
	images_load(&runtime->images);
}

static void console_when_possible(struct runtime *runtime)
{
	if (!runtime->has_images || !runtime->network.is_settled || runtime->has_console)
		return;
	runtime->has_console = true;
	declare_start(&runtime->declare, &runtime->supervisor, runtime->images.socket);
	consoles_start(&runtime->consoles, &runtime->supervisor, runtime->images.socket);
}

static void network_settled(struct network *network)
{
	struct runtime *runtime = network->owner;

	clock_network(&runtime->clock, NULL);
	metadata_start(&runtime->metadata, &runtime->supervisor);
	if (runtime->network_settled)
		runtime->network_settled(runtime);
	load_when_possible(runtime);
	console_when_possible(runtime);
}

static void images_answered(struct images *images)
{
	struct runtime *runtime = images->owner;
	uint64_t took_ms = clock_ms() - runtime->exec->end_us / 1000;

	if (images->socket && images->wait_result == 0) {
		(void)step_details(runtime->exec, 0, "%s docker_ms=%llu", runtime->exec->details,
				   (unsigned long long)took_ms);
		record_write(images->supervisor->machine);
		(void)log_line(LOG_INFO, 0, "docker answers (%llu ms)",
			       (unsigned long long)took_ms);
	}
	if (images->wait_result == 0)
		notify_send("READY=1\nSTATUS=%s is ready",
			    images->supervisor->machine->plan.main.name);
	runtime->has_answer = true;
	load_when_possible(runtime);
}

static void images_settled(struct images *images)
{
	struct runtime *runtime = images->owner;

	runtime->has_images = true;
	/* where a container gets the leases, this is its image */
	network_release(&runtime->network);
	console_when_possible(runtime);
}

/* ---- what ends the machine ---- */

static void message_received(struct control *control, const struct control_message *message,
			     const char *asker)
{
	struct runtime *runtime = control->owner;

	if (message->kind == CONTROL_NETWORK) {
		clock_network(&runtime->clock, message->ntp);
		network_bound(&runtime->network, message);
		return;
	}
	if (message->kind == CONTROL_NETWORK_LOST) {
		network_lost(&runtime->network, message);
		return;
	}
	(void)log_line(LOG_WARNING, 0, "%s: asked by %s%s", power_action_name(message->action),
		       asker, message->force ? ", at once" : "");
	power_end(runtime, message->action, message->force);
}

static void interrupted(struct supervisor *supervisor, uint32_t signal_number)
{
	// clang-format off
	static const struct {
		uint32_t number;
		enum power_action action;
		bool force;
		const char *asker;
	} rows[] = {
		{ SIGINT,  POWER_REBOOT, false, "ctrl-alt-del" },
		/* as busybox's init understands them, LXC's SIGPWR; to a container SIGTERM says
		 * that it is to end, and no more: docker-stop(1) */
		{ SIGTERM, POWER_REBOOT, false, "SIGTERM" },
		{ SIGUSR1, POWER_HALT,   false, "SIGUSR1" },
		{ SIGUSR2, POWER_OFF,    false, "SIGUSR2" },
		{ SIGPWR,  POWER_OFF,    false, "SIGPWR" },
		/* as systemd does: systemd(1), "Signals" */
		{ SIGNAL_SYSTEMD + 3,  POWER_HALT,   false, "SIGRTMIN+3" },
		{ SIGNAL_SYSTEMD + 4,  POWER_OFF,    false, "SIGRTMIN+4" },
		{ SIGNAL_SYSTEMD + 5,  POWER_REBOOT, false, "SIGRTMIN+5" },
		{ SIGNAL_SYSTEMD + 13, POWER_HALT,   true,  "SIGRTMIN+13" },
		{ SIGNAL_SYSTEMD + 14, POWER_OFF,    true,  "SIGRTMIN+14" },
		{ SIGNAL_SYSTEMD + 15, POWER_REBOOT, true,  "SIGRTMIN+15" },
	};
	// clang-format on
	struct runtime *runtime = supervisor->owner;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum power_action action = rows[i].action;

		if (rows[i].number != signal_number)
			continue;
		if (signal_number == SIGTERM && supervisor->machine->container)
			action = POWER_OFF;
		(void)log_line(LOG_WARNING, 0, "%s: asked by %s%s", power_action_name(action),
			       rows[i].asker, rows[i].force ? ", at once" : "");
		power_end(runtime, action, rows[i].force);
	}
}

static void button_pressed(struct acpi_button *button)
{
	(void)log_line(LOG_WARNING, 0, "poweroff: asked by the power button");
	power_end(button->owner, POWER_OFF, false);
}

static void uevents_ready(struct supervisor *supervisor, struct watch *watch)
{
	(void)watch;
	hotplug_handle(supervisor->machine);
}

/* ---- start ---- */

static void services_settled(struct services *services, int result)
{
	struct runtime *runtime = services->owner;

	if (result == 0) {
		runtime->exec = step_begin(runtime->supervisor.machine, "exec");
		hotplug_begin(runtime->supervisor.machine);
	}
	runtime->settled(runtime, result);
}

static void service_gave_up(struct services *services, struct service *service, const char *why)
{
	give_up(services->owner, service, why);
}

/* what is the whole machine's: in a container not ours to change */
static void settle_kernel(void)
{
	CLEANUP(text_free) struct text pid = TEXT_EMPTY;
	int r;

	(void)file_write_existing(AT_FDCWD, "/proc/self/oom_score_adj", "-1000");
	/* what the kernel runs when a hypervisor or a temperature wants the end: it takes /sbin */
	(void)file_write_existing(AT_FDCWD, "/proc/sys/kernel/poweroff_cmd",
				  "/usr/sbin/poweroff\n");
	text_format(&pid, "%d", getpid());
	r = reboot(RB_DISABLE_CAD) < 0
		    ? -errno
		    : file_write_existing(AT_FDCWD, "/proc/sys/kernel/cad_pid", text_string(&pid));
	if (r < 0)
		(void)log_line(LOG_WARNING, r, "ctrl-alt-del will not be orderly: %s",
			       strerror(-r));
}

/* a process of its own: no terminal, never the one to go when memory is short */
static void settle_process(const struct machine *machine, const char *name)
{
	CLEANUP(fd_close) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int r;

	(void)prctl(PR_SET_NAME, name);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		(void)log_line(LOG_WARNING, -errno, "cannot adopt orphans: %s", strerror(errno));
	(void)setsid();
	for (int fd = 0; null_fd >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(fd == STDERR_FILENO && log_fd() >= 0 ? log_fd() : null_fd, fd);
	r = cgroup_join("helper");
	if (r < 0)
		(void)log_line(LOG_WARNING, r, "%s cannot join its cgroup: %s", name, strerror(-r));
	if (!machine->container)
		settle_kernel();
}

static void open_button(struct runtime *runtime)
{
	int r = acpi_button_open(&runtime->button, &runtime->supervisor);

	if (r < 0)
		(void)log_line(r == -ENOENT ? LOG_DEBUG : LOG_WARNING, r,
			       "the power button will not be heard: %s",
			       r == -ENOENT ? "this kernel has no ACPI" : strerror(-r));
}

static int open_all(struct runtime *runtime, struct machine *machine)
{
	int r = supervisor_open(&runtime->supervisor, machine);

	if (r == 0)
		r = control_open(&runtime->control, &runtime->supervisor);
	if (r == 0 && runtime->uevents.fd >= 0)
		r = watch_add(&runtime->supervisor, &runtime->uevents, false);
	if (r == 0 && !machine->container)
		open_button(runtime);
	return r;
}

int runtime_open(struct runtime *runtime, struct machine *machine, const char *name)
{
	struct step_record *record;
	int r;

	runtime->supervisor.interrupted = interrupted;
	runtime->supervisor.owner = runtime;
	runtime->services.settled = services_settled;
	runtime->services.gave_up = service_gave_up;
	runtime->services.owner = runtime;
	runtime->network.settled = network_settled;
	runtime->network.supervisor = &runtime->supervisor; /* main may run before it is started */
	runtime->network.owner = runtime;
	runtime->images.answered = images_answered;
	runtime->images.settled = images_settled;
	runtime->images.owner = runtime;
	runtime->control.received = message_received;
	runtime->control.owner = runtime;
	runtime->button.pressed = button_pressed;
	runtime->button.owner = runtime;
	runtime->uevents = (struct watch){ machine->uevent_fd, uevents_ready, runtime };
	settle_process(machine, name);
	output_sink_open(&machine->plan);
	r = open_all(runtime, machine);
	if (r == 0)
		return 0;
	record = runtime->services.record = step_begin(machine, "services");
	(void)step_details(record, r, "%s cannot start: %s", name, strerror(-r));
	step_end(machine, record, r);
	return r;
}

void runtime_start(struct runtime *runtime)
{
	struct supervisor *supervisor = &runtime->supervisor;

	/* before anybody looks at a certificate */
	if (!supervisor->machine->container)
		clock_start(&runtime->clock, supervisor);
	/* what takes longest first: the rest starts beside it */
	services_start(&runtime->services, supervisor);
	network_start(&runtime->network, supervisor);
	shells_write_rc();
	shells_start(supervisor);
}

void runtime_main_runs(struct runtime *runtime)
{
	struct machine *machine = runtime->supervisor.machine;

	runtime->exec->end_us = clock_us();
	runtime->exec->result = STEP_OK;
	(void)step_details(runtime->exec, 0, "path=%s", machine->plan.main.exec.items[0]);
	record_write(machine);
	images_wait(&runtime->images, &runtime->supervisor);
}

void runtime_end(struct runtime *runtime)
{
	runtime->supervisor.is_ending = true;
	(void)cgroups_end(clock_ms() + END_MS);
	supervisor_reap(&runtime->supervisor);
	network_end(&runtime->network);
	clock_end(&runtime->clock);
	output_sink_close();
	control_close(&runtime->control);
	if (!runtime->supervisor.machine->container)
		(void)reboot((int)RB_ENABLE_CAD);
}

int check_main(const struct machine *machine, struct step_record *record)
{
	const struct plan_service *program = &machine->plan.main;
	CLEANUP(account_free) struct account account = ACCOUNT_ROOT;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	const char *path;
	struct stat status;
	int r;

	if (!machine->plan.has_main || program->exec.count == 0)
		return step_details(record, -EINVAL,
				    "the plan has no main program; mkinitrd.exec= names one");
	path = program->exec.items[0];
	if (stat(path, &status) < 0)
		return step_details(record, -errno, "main program '%s' cannot be started: %s", path,
				    strerror(errno));
	if (!S_ISREG(status.st_mode) || access(path, X_OK) < 0)
		return step_details(record, -EACCES,
				    "main program '%s' cannot be started: it is no executable file",
				    path);
	r = service_check(program, &account, &why);
	return r < 0 ? step_details(record, r, "main program '%s' cannot be started: %s", path,
				    text_string(&why))
		     : 0;
}
