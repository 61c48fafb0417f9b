/* SPDX-License-Identifier: Apache-2.0 */
/*
 * declare.h - the containers that the plan declares
 */
#pragma once

#include "output.h"

struct declare {
	struct supervisor *supervisor;
	struct child agent;
	struct output words, complaints; /* the agent's standard output and error */
	struct step_record *record;      /* NULL: the plan declares none */
};

/**
 * declare_start() - the step "containers": bring them about, and end those of an earlier plan
 * @socket: Docker's; NULL: main is not Docker
 *
 * After the images are loaded and the network is settled. A plan that declares none has no such
 * step, but what an earlier one left on a disk is removed all the same, with a line in the log.
 */
void declare_start(struct declare *declare, struct supervisor *supervisor, const char *socket);
