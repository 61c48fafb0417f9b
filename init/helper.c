/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helper.c - the process beside main in exec mode
 *
 * In:    the boot plan; messages of PID 1, the control socket, the kernel's events
 * Out:   network, services, host shells; after the hand-over images and console; in the end the
 *        power-off
 * Not:   main itself (run_exec.c)
 * Facts: main must have no child but its own, so the helper starts everything else, and adopts
 *        what that leaves behind: docs/boot.md sections 4 and 5. After RB_DISABLE_CAD ctrl-alt-del
 *        is SIGINT for the process in cad_pid: reboot(2), proc(5)
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>

#include "cgroup_tree.h"
#include "console.h"
#include "control.h"
#include "helper.h"
#include "images.h"
#include "lib/file.h"
#include "modules.h"
#include "network.h"
#include "power.h"
#include "service.h"
#include "shells.h"

#define END_MS 5000

struct helper {
	struct supervisor supervisor;
	struct services services;
	struct network network;
	struct images images;
	struct consoles consoles;
	struct control control;
	struct watch parent, uevents;
	struct step_record *exec;
	bool has_answer; /* Docker's, or its deadline */
	bool has_loaded; /* the step "images" has begun */
};

/* end what was started, so that PID 1 can go to rescue and try again */
_Noreturn static void helper_end(struct helper *helper)
{
	helper->supervisor.is_ending = true;
	(void)cgroups_end(clock_ms() + END_MS);
	supervisor_reap(&helper->supervisor);
	control_close(&helper->control);
	(void)reboot((int)RB_ENABLE_CAD);
	_exit(0);
}

static void tell_parent(struct helper *helper, enum hand_over_kind kind,
			const struct step_record *record)
{
	struct hand_over_message message = { .kind = kind };

	if (record)
		message.record = *record;
	message.record.name = NULL;
	if (send(helper->parent.fd, &message, sizeof(message), MSG_NOSIGNAL) < 0)
		(void)log_line(LOG_ERROR, -errno, "exec: the helper cannot reach process 1: %s",
			       strerror(errno));
}

/* ---- before the hand-over ---- */

static void services_settled(struct services *services, int result)
{
	struct helper *helper = services->supervisor->owner;

	if (result < 0) {
		services->supervisor->is_ending = true;
		(void)cgroups_end(clock_ms() + END_MS);
		tell_parent(helper, HAND_OVER_FAILED, services->record);
		helper_end(helper);
	}
	helper->exec = step_begin(helper->supervisor.machine, "exec");
	tell_parent(helper, HAND_OVER_READY, NULL);
}

/* ---- after it ---- */

static void load_when_possible(struct helper *helper)
{
	/* Docker copies resolv.conf into containers, so the network comes first; its step is
	 * bounded, and a failed one will do */
	if (!helper->has_answer || !helper->network.is_settled || helper->has_loaded)
		return;
	helper->has_loaded = true;
	images_load(&helper->images);
}

static void network_settled(struct network *network)
{
	load_when_possible(network->owner);
}

static void images_answered(struct images *images)
{
	struct helper *helper = images->owner;
	uint64_t took_ms = clock_ms() - helper->exec->end_us / 1000;

	if (images->socket && images->wait_result == 0) {
		(void)step_details(helper->exec, 0, "%s docker_ms=%llu", helper->exec->details,
				   (unsigned long long)took_ms);
		record_write(images->supervisor->machine);
		(void)log_line(LOG_INFO, 0, "docker answers (%llu ms)",
			       (unsigned long long)took_ms);
	}
	helper->has_answer = true;
	load_when_possible(helper);
}

static void images_settled(struct images *images)
{
	struct helper *helper = images->owner;

	consoles_start(&helper->consoles, &helper->supervisor, images->socket);
}

/* PID 1 has become main: the kernel closed its end. Or it could not. */
static void parent_ready(struct supervisor *supervisor, struct watch *watch)
{
	struct helper *helper = watch->owner;
	struct machine *machine = supervisor->machine;
	struct hand_over_message message;
	ssize_t length = recv(watch->fd, &message, sizeof(message), MSG_DONTWAIT);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length > 0 || !helper->exec)
		helper_end(helper);
	watch_remove(supervisor, watch);
	fd_close(&watch->fd);
	helper->exec->end_us = clock_us();
	helper->exec->result = STEP_OK;
	(void)step_details(helper->exec, 0, "path=%s", machine->plan.main.exec.items[0]);
	record_write(machine);
	images_wait(&helper->images, supervisor);
}

/* ---- events ---- */

static void message_received(struct control *control, const struct control_message *message,
			     const char *asker)
{
	struct helper *helper = control->owner;

	if (message->kind == CONTROL_NETWORK) {
		network_bound(&helper->network, message);
		return;
	}
	(void)log_line(LOG_WARNING, 0, "%s: asked by %s%s", power_action_name(message->action),
		       asker, message->force ? ", at once" : "");
	power_end(&helper->services, message->action, message->force);
}

static void interrupted(struct supervisor *supervisor, uint32_t signal_number)
{
	// clang-format off
	static const struct {
		uint32_t number;
		enum power_action action;
		const char *asker;
	} rows[] = {
		{ SIGINT,  POWER_REBOOT, "ctrl-alt-del" },
		/* as busybox's init understands them */
		{ SIGTERM, POWER_REBOOT, "a signal" },
		{ SIGUSR1, POWER_HALT,   "a signal" },
		{ SIGUSR2, POWER_OFF,    "a signal" },
	};
	// clang-format on
	struct helper *helper = supervisor->owner;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].number != signal_number)
			continue;
		(void)log_line(LOG_WARNING, 0, "%s: asked by %s", power_action_name(rows[i].action),
			       rows[i].asker);
		power_end(&helper->services, rows[i].action, false);
	}
}

static void uevents_ready(struct supervisor *supervisor, struct watch *watch)
{
	(void)watch;
	(void)modules_handle_events(supervisor->machine);
}

/* ---- start ---- */

/*
 * A busybox shell does not look for poweroff, reboot and halt in PATH: it takes its own, which send
 * SIGUSR2, SIGTERM and SIGUSR1 to a process named "linuxrc", and to process 1 when there is none
 * (busybox init/halt.c). SIGTERM would end dockerd and with it the machine, so the helper takes
 * that name in its argv[0], which /proc/PID/cmdline shows. The memory behind it is the environment
 * that the kernel gave, and there is room for more than eight bytes of that; nobody uses it.
 */
static void take_name(void)
{
	static const char name[] = "linuxrc";

	(void)prctl(PR_SET_NAME, "mkinitrd-helper");
	if (environ && environ[0] && strlen(environ[0]) + strlen(program_invocation_name) > 8)
		memcpy(program_invocation_name, name, sizeof(name));
}

/* a process of its own: no terminal, never the one to go when memory is short */
static void settle_process(void)
{
	CLEANUP(fd_close) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	CLEANUP(text_free) struct text pid = TEXT_EMPTY;
	int r;

	take_name();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		(void)log_line(LOG_WARNING, -errno, "exec: cannot adopt orphans: %s",
			       strerror(errno));
	(void)setsid();
	for (int fd = 0; null_fd >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(fd == STDERR_FILENO && log_fd() >= 0 ? log_fd() : null_fd, fd);
	r = cgroup_join("helper");
	if (r < 0)
		(void)log_line(LOG_WARNING, r, "exec: the helper cannot join its cgroup: %s",
			       strerror(-r));
	(void)file_write_existing(AT_FDCWD, "/proc/self/oom_score_adj", "-1000");
	text_format(&pid, "%d", getpid());
	r = reboot(RB_DISABLE_CAD) < 0
		    ? -errno
		    : file_write_existing(AT_FDCWD, "/proc/sys/kernel/cad_pid", text_string(&pid));
	if (r < 0)
		(void)log_line(LOG_WARNING, r, "exec: ctrl-alt-del will not be orderly: %s",
			       strerror(-r));
}

static int open_all(struct helper *helper, struct machine *machine)
{
	int r = supervisor_open(&helper->supervisor, machine);

	if (r == 0)
		r = watch_add(&helper->supervisor, &helper->parent, false);
	if (r == 0)
		r = control_open(&helper->control, &helper->supervisor);
	if (r == 0 && helper->uevents.fd >= 0)
		r = watch_add(&helper->supervisor, &helper->uevents, false);
	return r;
}

_Noreturn void helper_main(struct machine *machine, int parent_fd)
{
	static struct helper helper;
	int r;

	helper = (struct helper){
		.supervisor = { .interrupted = interrupted, .owner = &helper },
		.services = { .settled = services_settled },
		.network = { .settled = network_settled, .owner = &helper },
		.images = { .answered = images_answered,
			    .settled = images_settled,
			    .owner = &helper },
		.control = { .received = message_received, .owner = &helper },
		.parent = { .fd = parent_fd, .ready = parent_ready, .owner = &helper },
		.uevents = { .fd = machine->uevent_fd, .ready = uevents_ready, .owner = &helper },
	};
	settle_process();
	r = open_all(&helper, machine);
	if (r < 0) {
		struct step_record *record = step_begin(machine, "services");

		(void)step_details(record, r, "the helper cannot start: %s", strerror(-r));
		step_end(machine, record, r);
		tell_parent(&helper, HAND_OVER_FAILED, record);
		_exit(1);
	}
	/* what takes longest first: the rest starts beside it */
	services_start(&helper.services, &helper.supervisor);
	network_start(&helper.network, &helper.supervisor);
	shells_write_rc();
	shells_start(&helper.supervisor);
	supervisor_run(&helper.supervisor);
}
