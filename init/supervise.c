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

#include "modules.h"
#include "runtime.h"

static void settled(struct runtime *runtime, int result)
{
	struct machine *machine = runtime->supervisor.machine;
	int r = result;

	if (r == 0) {
		modules_join(machine);
		r = service_open(&runtime->main, &runtime->services, &machine->plan.main, "init",
				 runtime->exec);
		if (r < 0)
			step_end(machine, runtime->exec, r);
	}
	if (r < 0) {
		runtime->supervisor.result = r;
		return;
	}
	runtime->main.output.name = base_name(machine->plan.main.exec.items[0]);
	(void)log_line(LOG_INFO, 0, "exec: %s", machine->plan.main.exec.items[0]);
	service_start(&runtime->main);
	runtime_main_runs(runtime);
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
	runtime = (struct runtime){ .settled = settled };
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
