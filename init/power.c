/* SPDX-License-Identifier: Apache-2.0 */
/*
 * power.c - the end of the machine: containers, services, file systems, reboot(2)
 *
 * In:    what is asked for
 * Out:   one line for each phase, with its time; a clean disk; the machine off, or started again
 * Not:   who may ask (control.c), containers (containers.c), file systems (unmount.c)
 * Facts: docs/boot.md section 5: `docker stop` would mark containers as stopped by hand, so main is
 *        frozen first and containers are signalled directly; SIGSTOP and SIGKILL do not work on
 *        PID 1, its cgroup's freezer does
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "cgroup_tree.h"
#include "containers.h"
#include "output_sink.h"
#include "power.h"
#include "settings.h"
#include "unmount.h"

#define FREEZE_MS 3000
#define MAIN_GRACE_MS 60000
#define CONTAINER_GRACE_MS 10000
#define SERVICE_GRACE_MS 5000
#define KILL_MS 5000

struct power {
	struct runtime *runtime;
	enum power_action action;
};

/* Each returns 0, or a negative errno; words for the log go into @said.
 *
 * main is told to end when it can: Docker then stops its containers itself, each with its own
 * signal and time, and sees how they end. As process 1 it cannot, so it is frozen. */
static int phase_main(struct power *power, struct text *said)
{
	struct service *program = &power->runtime->main;
	int r;

	if (program->plan) {
		bool was_killed = service_stop(program, MAIN_GRACE_MS);

		text_format(said, "main %s", was_killed ? "killed" : "stopped");
		return 0;
	}
	r = cgroup_write("init", "cgroup.freeze", "1");
	if (r == 0)
		r = cgroup_wait("init", "frozen", '1', clock_ms() + FREEZE_MS);
	text_add(said, "main frozen");
	return r;
}

static int phase_containers(struct power *power, struct text *said)
{
	struct container_count count = { 0 };
	int r = containers_end(clock_ms() + CONTAINER_GRACE_MS, KILL_MS, &count);

	(void)power;
	text_format(said, "containers stopped: %zu asked, %zu killed", count.asked, count.killed);
	return r;
}

static int phase_services(struct power *power, struct text *said)
{
	size_t killed = services_stop(&power->runtime->services, SERVICE_GRACE_MS);

	text_format(said, "services stopped: %zu, %zu killed", power->runtime->services.count,
		    killed);
	return 0;
}

static int phase_rest(struct power *power, struct text *said)
{
	size_t left = cgroups_end(clock_ms() + KILL_MS);

	(void)power;
	text_add(said, "other processes ended");
	return left > 0 ? -EBUSY : 0;
}

static int phase_unmount(struct power *power, struct text *said)
{
	const struct bootplan *plan = &power->runtime->supervisor.machine->plan;

	output_sink_close(); /* its file would keep the disk busy */
	sync();
	return unmount_all(plan->has_disk ? plan->disk.at : NULL, said);
}

static int phase_settle(struct power *power, struct text *said)
{
	(void)power;
	return settle_disks(said);
}

// clang-format off
static const struct {
	int (*function)(struct power *power, struct text *said);
} phases[] = {
	{ phase_main },
	{ phase_containers },
	{ phase_services },
	{ phase_rest },	/* shells, consoles, network clients, and what people started */
	{ phase_unmount },
	{ phase_settle },	/* disks that main still holds open */
};

static const int commands[POWER_ACTION_COUNT] = {
	[POWER_OFF] = RB_POWER_OFF,
	[POWER_REBOOT] = RB_AUTOBOOT,
	[POWER_HALT] = (int)RB_HALT_SYSTEM,
};
// clang-format on

int power_command(enum power_action action)
{
	return commands[action];
}

static void run_phase(struct power *power, size_t index)
{
	CLEANUP(text_free) struct text said = TEXT_EMPTY;
	uint64_t start_ms = clock_ms(), took_ms;
	int r = phases[index].function(power, &said);

	took_ms = clock_ms() - start_ms;
	(void)log_line(r < 0 ? LOG_ERROR : LOG_INFO, r, "power: %s%s%s (%llu.%llu s)",
		       text_string(&said), r < 0 ? ", incomplete: " : "", r < 0 ? strerror(-r) : "",
		       (unsigned long long)(took_ms / 1000),
		       (unsigned long long)(took_ms % 1000 / 100));
}

_Noreturn void power_end(struct runtime *runtime, enum power_action action, bool force)
{
	struct power power = { .runtime = runtime, .action = action };

	runtime->supervisor.is_ending = true;
	clock_stamp(&runtime->clock);
	/* an applet that was run by hand may have left us elsewhere */
	(void)cgroup_join("helper");
	if (!force)
		settings_forget_tries(runtime->supervisor.machine);
	for (size_t i = 0; i < COUNT_OF(phases) && !force; i++)
		run_phase(&power, i);
	if (force)
		sync();
	(void)log_line(LOG_WARNING, 0, "power: %s now", power_action_name(action));
	(void)reboot(power_command(action));
	(void)log_line(LOG_ERROR, -errno, "power: the kernel refuses to %s: %s; switch it off",
		       power_action_name(action), strerror(errno));
	for (;;)
		(void)poll(NULL, 0, -1);
}
