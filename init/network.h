/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network.h - a DHCP client for each interface that the plan wants one for
 */
#pragma once

#include "control_message.h"
#include "supervisor.h"

struct interface;

struct network {
	struct supervisor *supervisor;
	struct interface *interfaces;
	struct watch links; /* tells of interfaces that come and go */
	struct timer deadline;
	struct step_record *record;
	/* once: the step ended, well or not */
	void (*settled)(struct network *network);
	void *owner;
	bool is_settled;
};

/** network_start() - begin the step "network"; @settled may be called before this returns */
void network_start(struct network *network, struct supervisor *supervisor);

/** network_bound() - an interface has a lease, new or renewed */
void network_bound(struct network *network, const struct control_message *message);
