/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervise.c - hand-over in supervise mode: this process stays 1, and main is a service of its own
 *
 * In:    a machine whose steps are done
 * Out:   main in the cgroup "init", restarted when it ends, all that runs beside it (runtime.c)
 * Not:   exec mode (run_exec.c, helper.c)
 */
#include "supervise.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "modules.h"
#include "power.h"
#include "runtime.h"
#include "spawn.h"

#define STATUS_SIGNAL 128 /* as a shell has it */

/* what the plan has for a main that ended: the machine ends, too */
static void main_over(struct service *service, int status)
{
	static const enum power_action actions[] = {
		[PLAN_END_RESTART] = POWER_REBOOT,
		[PLAN_END_POWEROFF] = POWER_OFF,
		[PLAN_END_REBOOT] = POWER_REBOOT,
		[PLAN_END_HALT] = POWER_HALT,
	};
	const struct bootplan *plan = &service->services->supervisor->machine->plan;
	struct runtime *runtime = service->services->owner;
	enum power_action action = actions[plan->end];
	CLEANUP(text_free) struct text what = TEXT_EMPTY;

	runtime->status =
		WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_SIGNAL + WTERMSIG(status);
	status_describe(status, &what);
	(void)log_line(status == 0 ? LOG_WARNING : LOG_ERROR, 0, "main: %s %s: %s",
		       service->output.name, text_string(&what), power_action_name(action));
	power_end(runtime, action, false);
}

static void start_main(struct runtime *runtime)
{
	struct machine *machine = runtime->supervisor.machine;
	int r;

	modules_join(machine);
	r = service_open(&runtime->main, &runtime->services, &machine->plan.main, "init",
			 runtime->exec);
	if (r < 0) {
		step_end(machine, runtime->exec, r);
		runtime->supervisor.result = r;
		return;
	}
	if (machine->plan.end != PLAN_END_RESTART)
		runtime->main.over = main_over;
	runtime->main.output.name = base_name(machine->plan.main.exec.items[0]);
	(void)log_line(LOG_INFO, 0, "exec: %s", machine->plan.main.exec.items[0]);
	service_start(&runtime->main);
	runtime_main_runs(runtime);
}

/* main waits for the network when the plan says so; that is bounded, and a failed one will do */
static bool waits(const struct runtime *runtime)
{
	const struct strings *needs = &runtime->supervisor.machine->plan.main.needs;

	return !runtime->network.is_settled && strings_contain(needs, PLAN_NEEDS_NETWORK);
}

static void settled(struct runtime *runtime, int result)
{
	if (result < 0)
		runtime->supervisor.result = result;
	else if (!waits(runtime))
		start_main(runtime);
}

static void network_settled(struct runtime *runtime)
{
	if (runtime->exec && !runtime->main.plan && !waits(runtime))
		start_main(runtime);
}

int run_supervise(struct machine *machine, struct step_record **ret_record)
{
	static struct runtime runtime;
	struct step_record draft = { 0 };
	int r = check_main(machine, &draft);

	if (r < 0) {
		*ret_record = step_begin(machine, "exec");
		(void)step_details(*ret_record, r, "%s", draft.details);
		step_end(machine, *ret_record, r);
		return r;
	}
	runtime = (struct runtime){ .settled = settled, .network_settled = network_settled };
	r = runtime_open(&runtime, machine, "init");
	if (r == 0) {
		runtime_start(&runtime);
		r = supervisor_run(&runtime.supervisor);
	}
	*ret_record = runtime.exec ? runtime.exec : runtime.services.record;
	runtime_end(&runtime);
	supervisor_close(&runtime.supervisor);
	return r;
}
