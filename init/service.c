/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.c - the services of the boot plan: started in order of need, watched, stopped in reverse
 *
 * In:    the plan's services
 * Out:   each running in its own cgroup "service-NAME", its output in the kernel log; the step
 *        "services", which the plan's choices belong to (choose.c)
 * Not:   main (run_exec.c); restart happens only once all have been ready: before, a service that
 *        ends is a failed boot
 * Facts: a containerd that died is started again while containers run on, so only the process
 *        itself is replaced, never its cgroup, where the shims live: docs/boot.md section 4
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "cgroup_tree.h"
#include "choose.h"
#include "service.h"
#include "service_order.h"
#include "spawn.h"

#define READY_WAIT_MS 60000
#define LAST_LINES 5

static const struct backoff_rule restart_rule = {
	.first_ms = 1000,
	.most_ms = 30000,
	.good_ms = 60000,
};

static void start_those_that_can(struct services *services);

static void settle(struct services *services, int result)
{
	struct machine *machine = services->supervisor->machine;

	if (services->is_settled)
		return;
	services->is_settled = true;
	if (result == 0)
		for (size_t i = 0; i < services->count; i++)
			(void)step_details(services->record, 0, "%s%s%s", services->record->details,
					   i > 0                          ? ","
					   : services->record->details[0] ? " started="
									  : "started=",
					   services->items[i].plan->name);
	step_end(machine, services->record, result);
	services->settled(services, result);
}

/* once more, as errors: as what they were they may not have been shown */
static void say_last_lines(const struct service *service)
{
	size_t count = output_last_count(&service->output);

	for (size_t i = count > LAST_LINES ? count - LAST_LINES : 0; i < count; i++)
		(void)log_line(LOG_ERROR, 0, "services: %s: %s", service->plan->name,
			       output_last(&service->output, i));
}

/* "@service @what": its last words go to the log once more, as errors, and into the record */
static void fail_start(struct service *service, int error, const char *what)
{
	struct services *services = service->services;
	CLEANUP(text_free) struct text words = TEXT_EMPTY;
	size_t count = output_last_count(&service->output);

	say_last_lines(service);
	for (size_t i = 0; i < count; i++)
		text_format(&words, "%s%s", i > 0 ? " | " : "", output_last(&service->output, i));
	/* the end of them is worth more than the beginning */
	(void)step_details(services->record, error, "%s %s; its last lines: %s%s",
			   service->plan->name, what, words.length > 240 ? "..." : "",
			   count == 0           ? "none"
			   : words.length > 240 ? text_string(&words) + words.length - 240
						: text_string(&words));
	settle(services, error);
}

static void became_ready(struct service *service)
{
	struct services *services = service->services;
	bool is_first = !services->is_settled;

	timer_clear(services->supervisor, &service->timer);
	service->state = SERVICE_READY;
	(void)log_line(is_first ? LOG_DEBUG : LOG_INFO, 0, "services: %s %s (%llu ms)",
		       service->plan->name, service->check.path ? "is ready" : "is started",
		       (unsigned long long)(clock_ms() - service->started_ms));
	if (is_first)
		start_those_that_can(services);
}

static void socket_accepts(struct supervisor *supervisor, struct ready_check *check)
{
	(void)supervisor;
	became_ready(check->owner);
}

static void give_up(struct service *service, const struct text *what)
{
	struct services *services = service->services;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	size_t count = output_last_count(&service->output);

	text_format(&why, "%s %s, the %uth time in short; its last line: %s", service->plan->name,
		    text_string(what), service->backoff.deaths,
		    count > 0 ? output_last(&service->output, count - 1) : "none");
	(void)log_line(LOG_ERROR, 0, "services: %s; given up", text_string(&why));
	service->state = SERVICE_GIVEN_UP;
	services->gave_up(services, service, text_string(&why));
}

/* after a pause, or never: @what happened to it, @lived_ms after its start */
static void start_again(struct service *service, const struct text *what, uint64_t lived_ms)
{
	uint64_t pause = backoff_pause(&service->backoff, &restart_rule, lived_ms);

	if (service->backoff.deaths >= MOST_DEATHS) {
		give_up(service, what);
		return;
	}
	(void)log_line(LOG_ERROR, 0, "services: %s %s, starting it again in %llu s",
		       service->plan->name, text_string(what), (unsigned long long)(pause / 1000));
	service_pause(service, pause);
}

/* @why: what is wrong, on failure */
static int launch(struct service *service, struct text *why)
{
	const struct plan_service *plan = service->plan;
	CLEANUP(account_free) struct account account = ACCOUNT_ROOT;
	const struct spawn how = {
		.argv = plan->exec.items,
		.env = &plan->env,
		.cgroup = service->cgroup,
		.output = service->output.write_fd,
		.error = service->output.write_fd,
		.oom_score = "-500",
		.directory = plan->directory,
		.account = plan->user ? &account : NULL,
	};
	int r = service_check(plan, &account, why);

	if (r < 0)
		return r;
	r = plan->exec.count > 0 ? spawn(&how, &service->child.pid) : -ENOEXEC;
	if (r < 0)
		text_add(why, strerror(-r));
	return r;
}

void service_start(struct service *service)
{
	struct supervisor *supervisor = service->services->supervisor;
	const struct plan_service *plan = service->plan;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	int r = launch(service, &why);

	service->started_ms = clock_ms();
	if (r < 0 && !service->services->is_settled) {
		(void)step_details(service->services->record, r, "%s: cannot start '%s': %s",
				   plan->name, plan->exec.count > 0 ? plan->exec.items[0] : "",
				   text_string(&why));
		settle(service->services, r);
		return;
	}
	if (r < 0) {
		CLEANUP(text_free) struct text what = TEXT_EMPTY;

		text_format(&what, "cannot be started (%s)", text_string(&why));
		start_again(service, &what, 0);
		return;
	}
	child_add(supervisor, &service->child);
	service->state = SERVICE_STARTING;
	if (!service->check.path) {
		became_ready(service);
		return;
	}
	timer_set(supervisor, &service->timer,
		  plan->wait > 0 && plan->wait != BOOTPLAN_NO_WAIT ? plan->wait : READY_WAIT_MS);
	ready_begin(&service->check, supervisor);
}

static void timer_due(struct supervisor *supervisor, struct timer *timer)
{
	struct service *service = timer->owner;
	char what[64];

	if (service->state == SERVICE_PAUSED && !supervisor->is_ending)
		service_start(service);
	if (service->state != SERVICE_STARTING || timer->is_set)
		return;
	(void)snprintf(what, sizeof(what), "was not ready within %llu s",
		       (unsigned long long)((clock_ms() - service->started_ms) / 1000));
	if (!service->services->is_settled)
		fail_start(service, -ETIMEDOUT, what);
	else /* it may still become so, and killing it would help nobody */
		(void)log_line(LOG_ERROR, -ETIMEDOUT, "services: %s %s", service->plan->name, what);
}

static void service_ended(struct supervisor *supervisor, struct child *child, int status)
{
	struct service *service = child->owner;
	CLEANUP(text_free) struct text what = TEXT_EMPTY;

	ready_end(&service->check, supervisor);
	timer_clear(supervisor, &service->timer);
	output_drain(&service->output);
	if (supervisor->is_ending)
		return;
	status_describe(status, &what);
	if (!service->services->is_settled) {
		text_add(&what, service->state == SERVICE_READY ? " while others were started"
								: " before it was ready");
		fail_start(service, -ECHILD, text_string(&what));
		return;
	}
	if (service->over) {
		service->over(service, status);
		return;
	}
	say_last_lines(service);
	start_again(service, &what, clock_ms() - service->started_ms);
}

void service_pause(struct service *service, uint64_t pause_ms)
{
	service->state = SERVICE_PAUSED;
	timer_set(service->services->supervisor, &service->timer, pause_ms);
}

void service_retry(struct service *service)
{
	service->backoff = (struct backoff){ 0 };
	service_start(service);
}

static bool needs_choice(const struct services *services, const struct service *service)
{
	const struct bootplan *plan = &services->supervisor->machine->plan;

	for (size_t i = 0; i < plan->choice_count; i++)
		if (strings_contain(&service->plan->needs, plan->choices[i].name))
			return true;
	return false;
}

static bool needs_are_ready(const struct services *services, const struct service *service)
{
	for (size_t i = 0; i < services->count; i++)
		if (services->items[i].state != SERVICE_READY &&
		    strings_contain(&service->plan->needs, services->items[i].plan->name))
			return false;
	return services->has_chosen || !needs_choice(services, service);
}

static void start_those_that_can(struct services *services)
{
	size_t ready = 0;

	/* a failure settles; and each that is ready at once comes back here by itself */
	for (size_t i = 0; i < services->count && !services->is_settled; i++) {
		struct service *service = &services->items[i];

		if (service->state == SERVICE_WAITING && needs_are_ready(services, service))
			service_start(service);
	}
	for (size_t i = 0; i < services->count; i++)
		ready += services->items[i].state == SERVICE_READY;
	if (ready == services->count && services->has_chosen)
		settle(services, 0);
}

int service_open(struct service *service, struct services *services,
		 const struct plan_service *plan, const char *cgroup, struct step_record *record)
{
	int r;

	*service = (struct service){
		.plan = plan,
		.services = services,
		.child = { .ended = service_ended, .owner = service },
		.output = OUTPUT_EMPTY,
		.check = READY_CHECK_EMPTY,
		.timer = { .fire = timer_due, .owner = service },
	};
	(void)snprintf(service->cgroup, sizeof(service->cgroup), "%s%s", cgroup ? "" : "service-",
		       cgroup ? cgroup : plan->name);
	service->output.name = plan->name;
	service->output.line = output_log;
	service->check.accepts = socket_accepts;
	service->check.owner = service;
	if (strchr(plan->name, '/'))
		return step_details(record, -EINVAL, "'%s' is no name for a service", plan->name);
	if (plan->ready && *plan->ready && !cgroup) {
		service->check.path = text_after(plan->ready, "unix:");
		if (!service->check.path)
			return step_details(record, -EINVAL,
					    "%s: 'ready' is '%s', a service takes unix:PATH",
					    plan->name, plan->ready);
	}
	r = output_open(&service->output, services->supervisor);
	return r < 0 ? step_details(record, r, "%s: no pipe for its output: %s", plan->name,
				    strerror(-r))
		     : 0;
}

void services_start(struct services *services, struct supervisor *supervisor)
{
	const struct bootplan *plan = &supervisor->machine->plan;
	CLEANUP(text_free) struct text reason = TEXT_EMPTY;
	CLEANUP(memory_free) size_t *order = calloc(plan->service_count + 1, sizeof(*order));
	int r;

	services->supervisor = supervisor;
	services->count = 0;
	services->record = step_begin(supervisor->machine, "services");
	services->items = calloc(plan->service_count + 1, sizeof(*services->items));
	r = order && services->items ? service_order(plan, order, &reason) : -ENOMEM;
	if (r == -EINVAL && reason.length)
		(void)step_details(services->record, r, "%s", text_string(&reason));
	for (; r == 0 && services->count < plan->service_count; services->count++)
		r = service_open(&services->items[services->count], services,
				 &plan->services[order[services->count]], NULL, services->record);
	/* the choices are made while the services come up, but for those that need one */
	if (r == 0) {
		start_those_that_can(services);
		r = services->is_settled ? 0 : choices_make(supervisor->machine, services->record);
		services->has_chosen = r == 0;
	}
	if (r < 0)
		settle(services, r);
	else
		start_those_that_can(services);
}

bool service_wait_end(struct service *service, uint64_t wait_ms)
{
	uint64_t end_ms = clock_ms() + wait_ms;
	struct timespec pause = { .tv_nsec = 0 };
	sigset_t ended;

	(void)sigemptyset(&ended);
	(void)sigaddset(&ended, SIGCHLD);
	while (supervisor_reap(service->services->supervisor), service->child.pid > 0) {
		uint64_t now = clock_ms();

		if (now >= end_ms)
			return false;
		output_drain(&service->output);
		pause.tv_nsec = (long)(end_ms - now < 200 ? end_ms - now : 200) * 1000000;
		(void)sigtimedwait(&ended, NULL, &pause);
	}
	return true;
}

bool service_stop(struct service *service, uint64_t grace_ms)
{
	bool was_killed = false;

	if (service->child.pid > 0 && kill(service->child.pid, service_signal(service->plan)) == 0)
		was_killed = !service_wait_end(service, grace_ms);
	/* what it leaves behind: shims of containers that are gone */
	(void)cgroup_kill(service->cgroup);
	(void)cgroup_wait(service->cgroup, "populated", '0', clock_ms() + 2000);
	return was_killed;
}

size_t services_stop(struct services *services, uint64_t grace_ms)
{
	size_t killed = 0;

	for (size_t i = services->count; i > 0; i--)
		killed += service_stop(&services->items[i - 1], grace_ms);
	return killed;
}
