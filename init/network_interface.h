/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network_interface.h - one interface in use: shared by network.c and the files around it
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>

#include "backoff.h"
#include "network.h"
#include "output.h"

struct interface {
	struct interface *next;
	struct network *network;
	const struct plan_network *plan;
	char name[IFNAMSIZ];
	int index;
	char lease[400];      /* the last, as "interface=... address=..."; empty: none yet */
	char advertised[120]; /* the last address by a router advertisement, said the same way */
	bool has_gateway;
	bool has_lost_carrier;
	/* the DHCP client */
	struct child client;
	struct timer again;
	struct output output;
	struct backoff backoff;
	uint64_t started_ms;
};

/* ---- network.c ---- */

/** interface_has() - @lease, said in the log or by the step; the step may end with it */
void interface_has(struct interface *interface, const char *lease, bool has_gateway);

/** interface_free() - it is gone: forget it, with its timer and its name servers */
void interface_free(struct interface *interface);

/** network_changed() - after messages of the kernel; @is_new: there may be interfaces to take up */
void network_changed(struct network *network, bool is_new);

/* ---- network_client.c ---- */

/** client_open() - before the first start. Return: 0 or a negative errno */
int client_open(struct interface *interface);

/** client_start() - run the plan's DHCP client; it is started again when it ends */
void client_start(struct interface *interface);

/** client_renew() - it asks for its lease anew, at once */
void client_renew(const struct interface *interface);

/** client_end() - its interface is gone: it ends, and the interface is forgotten */
void client_end(const struct interface *interface);

/* ---- network_static.c ---- */

/**
 * interface_prepare() - MTU, router advertisements, link up: before anything is asked or set
 *
 * What fails is logged.
 */
void interface_prepare(struct interface *interface);

/** interface_configure() - the plan's addresses, default routes and name servers; what fails is
 * logged. Calls interface_has() when there is an address afterwards */
void interface_configure(struct interface *interface);

/* ---- network_events.c ---- */

/** network_events_open() - watch the kernel's messages. Return: 0 or a negative errno */
int network_events_open(struct network *network);
