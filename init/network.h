/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network.h - addresses for the interfaces that the plan wants to use
 */
#pragma once

#include "control_message.h"
#include "supervisor.h"

/* how long to wait for an address when the plan does not say */
#define NETWORK_WAIT_MS 10000

struct interface;

struct network {
	struct supervisor *supervisor;
	struct interface *interfaces; /* in the order of their index */
	struct watch events;          /* tells of interfaces, carriers, addresses */
	struct timer deadline;
	struct step_record *record;
	/* once: the step ended, well or not */
	void (*settled)(struct network *network);
	void *owner;
	bool is_settled;
	bool is_released; /* clients may be started */
};

/** network_start() - begin the step "network"; @settled may be called before this returns */
void network_start(struct network *network, struct supervisor *supervisor);

/** network_end() - forget everything, when nothing runs any more; also one that never started */
void network_end(struct network *network);

/** network_waits_for_images() - its clients are containers: network_release() starts them */
bool network_waits_for_images(const struct network *network);
void network_release(struct network *network);

/** network_bound() - an interface has a lease, new or renewed */
void network_bound(struct network *network, const struct control_message *message);

/** network_lost() - an interface has no lease any more, or none yet */
void network_lost(struct network *network, const struct control_message *message);
