/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - the services of the boot plan: started in order of need, watched, stopped in reverse
 */
#pragma once

#include "backoff.h"
#include "output.h"
#include "ready.h"
#include "supervisor.h"

enum service_state {
	SERVICE_WAITING,  /* for those that it needs */
	SERVICE_STARTING, /* runs, not ready yet */
	SERVICE_READY,
	SERVICE_PAUSED, /* ended; starts again after a pause */
};

struct services;

struct service {
	const struct plan_service *plan;
	struct services *services;
	enum service_state state;
	struct child child;
	struct output output;
	struct ready_check check;
	struct timer timer; /* STARTING: the deadline; PAUSED: the next start */
	struct backoff backoff;
	uint64_t started_ms;
	char cgroup[128];
};

struct services {
	struct supervisor *supervisor;
	struct service *items; /* in the order of their start */
	size_t count;
	struct step_record *record;
	bool has_chosen; /* the plan's choices are made */
	/* once: every one is ready (0), or one failed (negative; the record says which and why) */
	void (*settled)(struct services *services, int result);
	bool is_settled;
};

/** services_start() - begin the step "services"; @settled may be called before this returns */
void services_start(struct services *services, struct supervisor *supervisor);

/**
 * services_stop() - SIGTERM for each in reverse order, and SIGKILL for what is left after @grace_ms
 *
 * Waits itself, without the loop. Return: how many had to be killed
 */
size_t services_stop(struct services *services, uint64_t grace_ms);
