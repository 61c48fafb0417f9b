/* SPDX-License-Identifier: Apache-2.0 */
/*
 * give_up.c - what follows when a service, or main, died too often
 *
 * In:    the service, and why
 * Out:   rescue in a process of its own, so that events, power-off among them, are still served;
 *        or an orderly restart; or one more try now and then
 * Not:   counting deaths (service.c), the shell (rescue.c)
 */
#include <errno.h>
#include <string.h>

#include "cgroup_tree.h"
#include "give_up.h"
#include "power.h"
#include "session.h"

#define TRY_AGAIN_MS 60000
#define CGROUP "rescue"

static void rescue_ended(struct supervisor *supervisor, struct child *child, int status)
{
	struct runtime *runtime = child->owner;
	struct service *service = runtime->given_up;

	(void)status;
	runtime->given_up = NULL;
	if (supervisor->is_ending)
		return;
	(void)log_line(LOG_INFO, 0, "rescue: left; starting %s again", service->plan->name);
	sessions_resume();
	service_retry(service);
}

static void restart_due(struct supervisor *supervisor, struct timer *timer)
{
	struct runtime *runtime = timer->owner;
	struct service *service = runtime->given_up;

	runtime->given_up = NULL;
	if (supervisor->machine->panic_seconds != 0)
		power_end(runtime, POWER_REBOOT, false);
	service_retry(service);
}

_Noreturn static void rescue_process(struct machine *machine, const struct step_record *record)
{
	(void)cgroup_join(CGROUP);
	rescue(machine, record, false);
	_exit(0);
}

static void without_shell(struct runtime *runtime)
{
	int64_t seconds = runtime->supervisor.machine->panic_seconds;
	uint64_t pause_ms = seconds > 0 ? (uint64_t)seconds * 1000 : seconds < 0 ? 0 : TRY_AGAIN_MS;

	/* its manager knows what follows */
	if (runtime->supervisor.machine->container)
		power_end(runtime, POWER_OFF, false);
	if (seconds == 0)
		(void)log_line(LOG_ERROR, 0,
			       "no rescue shell: trying %s again in %d s; panic=10 restarts the "
			       "machine instead",
			       runtime->given_up->plan->name, TRY_AGAIN_MS / 1000);
	else
		(void)log_line(LOG_ERROR, 0, "no rescue shell: restarting in %llu s (panic=)",
			       (unsigned long long)(pause_ms / 1000));
	runtime->restart = (struct timer){ .fire = restart_due, .owner = runtime };
	timer_set(&runtime->supervisor, &runtime->restart, pause_ms);
}

void give_up(struct runtime *runtime, struct service *service, const char *why)
{
	struct machine *machine = runtime->supervisor.machine;
	struct step_record record = { .name = "services", .result = STEP_FAILED };

	/* the second to die while rescue has the terminals: it is tried again now and then */
	if (runtime->given_up) {
		service_pause(service, TRY_AGAIN_MS);
		return;
	}
	runtime->given_up = service;
	(void)step_details(&record, 0, "%s", why);
	if (!rescue_has_shell(machine)) {
		without_shell(runtime);
		return;
	}
	sessions_pause();
	runtime->rescue = (struct child){ .ended = rescue_ended, .owner = runtime };
	runtime->rescue.pid = fork();
	if (runtime->rescue.pid == 0)
		rescue_process(machine, &record);
	if (runtime->rescue.pid < 0) {
		sessions_resume();
		without_shell(runtime);
		return;
	}
	child_add(&runtime->supervisor, &runtime->rescue);
}
