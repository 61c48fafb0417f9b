/* SPDX-License-Identifier: Apache-2.0 */
/*
 * power.c - the end of the machine: containers, services, file systems, reboot(2)
 *
 * In:    what is asked for
 * Out:   one line for each phase, with its time; a clean disk; the machine off, or started again
 * Not:   who may ask (control.c), containers (containers.c), file systems (unmount.c)
 * Facts: docs/boot.md section 5: `docker stop` would mark containers as stopped by hand, so main is
 *        frozen first and containers are signalled directly; SIGSTOP and SIGKILL do not work on
 *        PID 1, its cgroup's freezer does. dockerd told to end stops its containers itself, for 15
 * s or 5 s more than the longest of them wants: dockerd(8), --shutdown-timeout
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "cgroup_tree.h"
#include "container.h"
#include "containers.h"
#include "notify.h"
#include "output_sink.h"
#include "power.h"
#include "settings.h"
#include "spawn.h"
#include "unmount.h"

#define STOP_WITHIN_MS 90000
#define ASK_MS 2500
#define FREEZE_MS 3000
#define HUNG_MS 10000   /* for a Docker that did not answer */
#define DOCKER_MS 15000 /* what dockerd takes at most, unless a container wants more */
#define DOCKER_MORE_MS 5000
#define DOCKER_SLACK_MS 5000
#define COUNTDOWN_MS 5000
#define SERVICE_GRACE_MS 5000
#define KILL_MS 5000
#define REST_MS 60000 /* for all that follows main and containers */
#define FORCE_MS 10000

struct power {
	struct runtime *runtime;
	enum power_action action;
	uint64_t within_ms, end_ms; /* what main and containers have */
	struct stop_wishes wishes;
	bool is_docker, has_answered;
};

/* Each returns 0, or a negative errno; words for the log go into @said, none when there was nothing
 * to do. */
static int phase_thaw(struct power *power, struct text *said)
{
	(void)said;
	(void)thaw_all();
	/* on the disk, which may have been frozen */
	settings_forget_tries(power->runtime->supervisor.machine);
	return 0;
}

/* while it can still answer: afterwards it is frozen, or ending */
static int phase_ask(struct power *power, struct text *said)
{
	const struct plan_service *program = &power->runtime->supervisor.machine->plan.main;
	const char *socket = program->ready ? text_after(program->ready, "docker:") : NULL;

	if (!socket || !power->runtime->exec)
		return 0;
	power->is_docker = true;
	power->has_answered = stop_wishes_ask(&power->wishes, socket, ASK_MS) == 0;
	if (power->has_answered)
		text_format(said, "Docker answers, containers: %zu", power->wishes.count);
	else
		text_format(said,
			    "Docker does not answer, containers known: %zu of %zu; others get "
			    "SIGTERM and 10 s",
			    power->wishes.count, containers_running());
	return 0;
}

/* how long main may take to end, of what all have */
static uint64_t main_end_ms(const struct power *power)
{
	uint64_t grace_ms = DOCKER_MS, end_ms;

	if (!power->is_docker)
		return power->end_ms;
	for (size_t i = 0; i < power->wishes.count; i++) {
		uint64_t wish_ms = power->wishes.items[i].grace_ms;

		if (wish_ms > power->within_ms)
			wish_ms = power->within_ms;
		if (wish_ms + DOCKER_MORE_MS > grace_ms)
			grace_ms = wish_ms + DOCKER_MORE_MS;
	}
	end_ms = clock_ms() + (power->has_answered ? grace_ms + DOCKER_SLACK_MS : HUNG_MS);
	return end_ms < power->end_ms ? end_ms : power->end_ms;
}

/* main is told to end, and does what it does then: Docker stops its containers itself, each with
 * its own signal and time, and sees how they end */
static int stop_main(struct power *power, struct text *said)
{
	struct service *program = &power->runtime->main;
	uint64_t end_ms = main_end_ms(power), say_ms = clock_ms() + COUNTDOWN_MS;
	bool was_killed;

	if (program->child.pid > 0)
		(void)kill(program->child.pid, service_signal(program->plan));
	while (program->child.pid > 0) {
		uint64_t now = clock_ms();
		uint64_t left_ms = end_ms > now ? end_ms - now : 0;

		if (now >= say_ms) {
			(void)log_line(LOG_WARNING, 0,
				       "power: main and containers left: %zu, at most %llu s",
				       containers_running(), (unsigned long long)(left_ms / 1000));
			say_ms = now + COUNTDOWN_MS;
		}
		if (service_wait_end(program, left_ms < say_ms - now ? left_ms : say_ms - now) ||
		    left_ms == 0)
			break;
	}
	was_killed = service_stop(program, 0);
	text_format(said, "main %s", was_killed ? "killed" : "stopped");
	return 0;
}

/* As process 1 main cannot be told, so it is frozen. */
static int phase_main(struct power *power, struct text *said)
{
	int r;

	if (power->runtime->main.plan)
		return stop_main(power, said);
	r = cgroup_write("init", "cgroup.freeze", "1");
	if (r == 0)
		r = cgroup_wait("init", "frozen", '1', clock_ms() + FREEZE_MS);
	text_add(said, "main frozen");
	return r;
}

static int phase_containers(struct power *power, struct text *said)
{
	struct container_count count = { 0 };
	int r = containers_end(&power->wishes, power->end_ms, KILL_MS, &count);

	text_format(said, "containers stopped: %zu asked, %zu killed", count.asked, count.killed);
	if (count.stuck > 0)
		text_format(said, ", %zu stuck", count.stuck);
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
	const struct machine *machine = power->runtime->supervisor.machine;
	const struct bootplan *plan = &machine->plan;

	output_sink_close(); /* its file would keep the disk busy */
	sync();
	return unmount_all(plan->has_disk ? plan->disk.at : NULL,
			   machine->root_is_entered ? RUN_DIRECTORY : NULL, said);
}

static int phase_settle(struct power *power, struct text *said)
{
	(void)power;
	return settle_disks(said);
}

// clang-format off
static const struct {
	int (*function)(struct power *power, struct text *said);
	bool is_for_machine; /* a container's file systems are those of the machine */
} phases[] = {
	{ phase_thaw,       true },
	{ phase_ask,        false },
	{ phase_main,       false },
	{ phase_containers, false },
	{ phase_services,   false },
	{ phase_rest,       false },	/* shells, consoles, network clients, and what people started */
	{ phase_unmount,    true },
	{ phase_settle,     true },	/* disks that main still holds open */
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

	if (said.length == 0)
		return;
	took_ms = clock_ms() - start_ms;
	(void)log_line(r < 0 ? LOG_ERROR : LOG_INFO, r, "power: %s%s%s (%llu.%llu s)",
		       text_string(&said), r < 0 ? ", incomplete: " : "", r < 0 ? strerror(-r) : "",
		       (unsigned long long)(took_ms / 1000),
		       (unsigned long long)(took_ms % 1000 / 100));
}

void power_watch(enum power_action action, uint64_t within_ms)
{
	uint64_t end_ms = clock_ms() + within_ms;
	uint64_t now;

	if (fork() != 0)
		return;
	(void)prctl(PR_SET_NAME, "power-watch");
	while ((now = clock_ms()) < end_ms)
		(void)poll(NULL, 0, end_ms - now > 1000 ? 1000 : (int)(end_ms - now));
	(void)log_line(LOG_ERROR, -ETIMEDOUT, "power: not done after %llu s, %s now",
		       (unsigned long long)(within_ms / 1000), power_action_name(action));
	(void)reboot(power_command(action));
	_exit(1);
}

_Noreturn void power_end(struct runtime *runtime, enum power_action action, bool force)
{
	const struct bootplan *plan = &runtime->supervisor.machine->plan;
	uint64_t within_ms = plan->has_stop ? plan->stop.within : STOP_WITHIN_MS;
	const struct machine *machine = runtime->supervisor.machine;
	struct power power = {
		.runtime = runtime,
		.action = action,
		.within_ms = within_ms,
		.end_ms = clock_ms() + within_ms,
	};

	runtime->supervisor.is_ending = true;
	notify_send("STOPPING=1\nSTATUS=%s", power_action_name(action));
	power_watch(action, force ? FORCE_MS : within_ms + REST_MS);
	clock_stamp(&runtime->clock);
	/* an applet that was run by hand may have left us elsewhere */
	(void)cgroup_join("helper");
	for (size_t i = 0; i < COUNT_OF(phases) && !force; i++)
		if (!machine->container || !phases[i].is_for_machine)
			run_phase(&power, i);
	if (force || machine->container)
		sync();
	(void)log_line(LOG_WARNING, 0, "power: %s now", power_action_name(action));
	if (machine->container)
		container_end(action, runtime->given_up ? EXIT_FAILURE : runtime->status);
	(void)reboot(power_command(action));
	(void)log_line(LOG_ERROR, -errno, "power: the kernel refuses to %s: %s; switch it off",
		       power_action_name(action), strerror(errno));
	for (;;)
		(void)poll(NULL, 0, -1);
}
