/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.h - all that runs beside main, in whichever process stays to watch it
 */
#pragma once

#include "acpi_button.h"
#include "clock.h"
#include "console.h"
#include "control.h"
#include "declare.h"
#include "images.h"
#include "metadata.h"
#include "network.h"
#include "service.h"

struct runtime {
	struct supervisor supervisor;
	struct services services;
	struct service main; /* in supervise mode; has no plan in exec mode */
	struct network network;
	struct metadata metadata;
	struct clock clock;
	struct images images;
	struct consoles consoles;
	struct declare declare;
	struct control control;
	struct watch uevents;
	struct acpi_button button;
	struct step_record *exec;
	bool has_answer; /* Docker's, or its deadline */
	bool has_loaded; /* the step "images" has begun */
	bool has_images; /* it has ended */
	bool has_console;
	/* a service, or main, that died too often; its shell, while rescue has the terminals */
	struct service *given_up;
	struct child rescue;
	struct timer restart;
	int status; /* what a container ends with, when main ended and not well */
	/* once: every service is ready (0), or one failed */
	void (*settled)(struct runtime *runtime, int result);
	/* once: the network is up, or given up; may be NULL */
	void (*network_settled)(struct runtime *runtime);
	void *owner;
};

/** runtime_open() - make this process the one that stays: no terminal, adopts orphans, is asked by
 * ctrl-alt-del and the control socket. @name is what it is called. The caller has filled settled
 * and owner. Return: 0, or a negative errno with the ended record of "services" */
int runtime_open(struct runtime *runtime, struct machine *machine, const char *name);

/** runtime_start() - services, network, host shells; @settled may be called before this returns */
void runtime_start(struct runtime *runtime);

/** runtime_main_runs() - main is started: wait for Docker, then images and console */
void runtime_main_runs(struct runtime *runtime);

/** runtime_end() - after a start that failed: all that was started is ended */
void runtime_end(struct runtime *runtime);

/** check_main() - can main be started? Return: 0, or a negative errno with the reason */
int check_main(const struct machine *machine, struct step_record *record);
