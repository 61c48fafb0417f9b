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
	SERVICE_PAUSED,   /* ended; starts again after a pause */
	SERVICE_GIVEN_UP, /* died MOST_DEATHS times one after the other, each after a short life */
};

/* a life of less than a minute is short; mkinitrd-init(8) says both numbers */
#define MOST_DEATHS 5

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
	/* NULL: it is started again when it ends; else called with its wait status, and it is not
	 */
	void (*over)(struct service *service, int status);
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
	/* after that: a service died too often and is started no more, until service_retry() */
	void (*gave_up)(struct services *services, struct service *service, const char *why);
	void *owner;
};

/** services_start() - begin the step "services"; @settled may be called before this returns */
void services_start(struct services *services, struct supervisor *supervisor);

/** service_open() - make @service ready to be started; @cgroup is its name or NULL for
 * "service-NAME". Return: 0, or a negative errno with the reason in @record */
int service_open(struct service *service, struct services *services,
		 const struct plan_service *plan, const char *cgroup, struct step_record *record);

/** service_start() - after service_open(); it is restarted whenever it ends, with growing pauses */
void service_start(struct service *service);

/** service_pause() - start one that ended after @pause_ms */
void service_pause(struct service *service, uint64_t pause_ms);

/** service_retry() - start one that was given up, with a new count */
void service_retry(struct service *service);

/** service_wait_end() - until its process has ended, at most @wait_ms; waits itself. Return:
 * whether it has */
bool service_wait_end(struct service *service, uint64_t wait_ms);

/** service_stop() - SIGTERM, and SIGKILL for all of its cgroup after @grace_ms. Waits itself.
 * Return: whether it had to be killed */
bool service_stop(struct service *service, uint64_t grace_ms);

/**
 * services_stop() - SIGTERM for each in reverse order, and SIGKILL for what is left after @grace_ms
 *
 * Waits itself, without the loop. Return: how many had to be killed
 */
size_t services_stop(struct services *services, uint64_t grace_ms);
