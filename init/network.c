/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network.c - which interfaces are used, and when the network is there
 *
 * In:    interfaces that are there, and that appear later; the plan's lines; leases
 * Out:   the step "network": it ends when an interface has an address and a way out, or all have
 *        one, or at its deadline, while everything goes on
 * Not:   DHCP clients (network_client.c), addresses and routes (network_static.c, dhcp_script.c),
 *        the kernel's messages (network_events.c), name servers (resolver.c)
 * Facts: docs/boot.md section 7; only hardware has a "device" in /sys/class/net/NAME, so a wide
 *        pattern does not catch lo, bridges and veth pairs; a container's network is made of
 *        those
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ifaddrs.h>
#include <string.h>

#include "lib/file.h"
#include "network_interface.h"
#include "resolver.h"

/* an address and a way out, or addresses wherever one is wanted: nobody waits for more */
static bool is_enough(const struct network *network)
{
	bool has_any = false, is_pending = false;

	for (const struct interface *item = network->interfaces; item; item = item->next) {
		if (item->lease[0] && item->has_gateway)
			return true;
		has_any |= item->lease[0] != '\0';
		is_pending |= item->lease[0] == '\0';
	}
	return has_any && !is_pending;
}

/* the interface that counts: with a way out, when there is one */
static const struct interface *first_with_lease(const struct network *network)
{
	const struct interface *first = NULL;

	for (const struct interface *item = network->interfaces; item; item = item->next)
		if (item->lease[0] && (!first || (item->has_gateway && !first->has_gateway)))
			first = item;
	return first;
}

/* with the record's details */
static void settle(struct network *network, int result)
{
	const struct interface *first = first_with_lease(network);

	if (network->is_settled)
		return;
	network->is_settled = true;
	timer_clear(network->supervisor, &network->deadline);
	step_end(network->supervisor->machine, network->record, result);
	for (const struct interface *item = network->interfaces; item; item = item->next)
		if (item->lease[0] && item != first)
			(void)log_line(LOG_INFO, 0, "network: %s", item->lease);
	network->settled(network);
}

void interface_has(struct interface *interface, const char *lease, bool has_gateway)
{
	interface->has_gateway = has_gateway;
	if (text_equal(interface->lease, lease))
		return; /* only renewed */
	(void)snprintf(interface->lease, sizeof(interface->lease), "%s", lease);
	if (interface->network->is_settled) /* else the end of the step says it */
		(void)log_line(LOG_INFO, 0, "network: %s", interface->lease);
}

static void settle_if_enough(struct network *network)
{
	if (network->is_settled || !is_enough(network))
		return;
	(void)step_details(network->record, 0, "%s", first_with_lease(network)->lease);
	settle(network, 0);
}

void interface_free(struct interface *interface)
{
	struct network *network = interface->network;

	for (struct interface **link = &network->interfaces; *link; link = &(*link)->next) {
		if (*link == interface) {
			*link = interface->next;
			break;
		}
	}
	if (!network->supervisor->is_ending)
		(void)log_line(LOG_WARNING, 0, "network: %s is gone", interface->name);
	timer_clear(network->supervisor, &interface->again);
	if (interface->output.write_fd >= 0)
		output_close(&interface->output, network->supervisor);
	(void)resolver_forget(interface->name);
	free(interface);
}

/* ---- which ---- */

static bool is_taken(const struct network *network, const struct plan_network *row)
{
	for (const struct interface *item = network->interfaces; item; item = item->next)
		if (item->plan == row)
			return true;
	return false;
}

static bool is_match(const struct plan_network *row, const char *name, const char *mac)
{
	const char *pattern = row->match ? text_after(row->match, "mac:") : NULL;

	if (pattern)
		return mac && fnmatch(pattern, mac, FNM_CASEFOLD) == 0;
	return row->match && fnmatch(row->match, name, 0) == 0;
}

/* the first line that matches decides; one with addresses is for a single interface */
static const struct plan_network *row_of(const struct network *network, const char *name)
{
	const struct bootplan *plan = &network->supervisor->machine->plan;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(memory_free) char *mac = NULL;

	/* a container has no hardware */
	text_format(&path, "/sys/class/net/%s/device", name);
	if (!network->supervisor->machine->container && access(text_string(&path), F_OK) < 0)
		return NULL;
	text_clear(&path);
	text_format(&path, "/sys/class/net/%s/address", name);
	(void)file_read_line(AT_FDCWD, text_string(&path), &mac);
	for (size_t i = 0; i < plan->network_count; i++) {
		const struct plan_network *row = &plan->networks[i];

		if (is_match(row, name, mac) && !(row->address.count > 0 && is_taken(network, row)))
			return row;
	}
	return NULL;
}

static bool is_known(const struct network *network, const char *name)
{
	for (const struct interface *item = network->interfaces; item; item = item->next)
		if (text_equal(item->name, name))
			return true;
	return false;
}

static void interface_add(struct network *network, const char *name, unsigned index)
{
	struct interface **link = &network->interfaces;
	const struct plan_network *row = NULL;
	struct interface *interface;

	if (!is_known(network, name))
		row = row_of(network, name);
	if (!row || row->method == PLAN_METHOD_NONE)
		return;
	interface = calloc(1, sizeof(*interface));
	if (!interface)
		return;
	interface->network = network;
	interface->plan = row;
	interface->index = (int)index;
	(void)snprintf(interface->name, sizeof(interface->name), "%s", name);
	interface->output = OUTPUT_EMPTY;
	while (*link && (*link)->index < interface->index)
		link = &(*link)->next;
	interface->next = *link;
	*link = interface;
	interface_prepare(interface);
	if (row->method == PLAN_METHOD_STATIC) {
		interface_configure(interface);
		return;
	}
	if (client_open(interface) == 0 && network->is_released)
		client_start(interface);
}

static void look(struct network *network)
{
	struct if_nameindex *all = if_nameindex();

	for (const struct if_nameindex *item = all; item && item->if_index; item++)
		interface_add(network, item->if_name, item->if_index);
	if (all)
		if_freenameindex(all);
	settle_if_enough(network);
}

void network_changed(struct network *network, bool is_new)
{
	if (is_new)
		look(network);
	else
		settle_if_enough(network);
}

/* ---- when ---- */

static bool has_carrier(const struct interface *interface)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(memory_free) char *carrier = NULL;

	text_format(&path, "/sys/class/net/%s/carrier", interface->name);
	return file_read_line(AT_FDCWD, text_string(&path), &carrier) == 0 &&
	       text_equal(carrier, "1");
}

/* interfaces without an address, and how they differ */
static void describe_pending(const struct network *network, struct text *text)
{
	for (const struct interface *item = network->interfaces; item; item = item->next)
		if (!item->lease[0])
			text_format(text, "%s%s%s", text->length > 0 ? ", " : "", item->name,
				    has_carrier(item) ? "" : " (no carrier)");
}

static void deadline_due(struct supervisor *supervisor, struct timer *timer)
{
	struct network *network = timer->owner;
	const struct interface *first = first_with_lease(network);
	CLEANUP(text_free) struct text names = TEXT_EMPTY;
	unsigned long long seconds = supervisor->machine->plan.dhcp.wait / 1000;

	describe_pending(network, &names);
	if (first)
		(void)step_details(network->record, 0, "%s missing=\"%s\"", first->lease,
				   text_string(&names));
	else if (network->interfaces)
		(void)step_details(network->record, -ETIMEDOUT,
				   "no DHCP answer on %s within %llu s (still trying)",
				   text_string(&names), seconds);
	else
		(void)step_details(network->record, -ENODEV,
				   "no network interface that the plan wants to use appeared "
				   "within %llu s (still waiting for one)",
				   seconds);
	settle(network, first ? 0 : network->interfaces ? -ETIMEDOUT : -ENODEV);
}

static struct interface *interface_find(const struct network *network, const char *name)
{
	struct interface *interface = network->interfaces;

	while (interface && !text_equal(interface->name, name))
		interface = interface->next;
	return interface;
}

void network_bound(struct network *network, const struct control_message *message)
{
	/* else a client of somebody else */
	struct interface *interface = interface_find(network, message->interface);
	char lease[sizeof(interface->lease)];

	if (!interface || interface->plan->method != PLAN_METHOD_DHCP)
		return;
	(void)snprintf(lease, sizeof(lease), "interface=%s address=%s gateway=%s dns=%s",
		       message->interface, message->address, message->gateway, message->dns);
	interface_has(interface, lease, !text_equal(message->gateway, "-"));
	settle_if_enough(network);
}

void network_lost(struct network *network, const struct control_message *message)
{
	struct interface *interface = interface_find(network, message->interface);

	if (!interface || interface->plan->method != PLAN_METHOD_DHCP || !interface->lease[0])
		return;
	interface->lease[0] = '\0';
	(void)log_line(LOG_WARNING, 0, "network: %s has lost its lease, asking for another",
		       interface->name);
}

/* ---- start ---- */

bool network_waits_for_images(const struct network *network)
{
	const struct bootplan *plan = &network->supervisor->machine->plan;

	return !network->is_released && plan->has_dhcp && plan->dhcp.after == PLAN_AFTER_IMAGES;
}

void network_release(struct network *network)
{
	if (network->is_released)
		return;
	network->is_released = true;
	if (!network->is_settled)
		timer_set(network->supervisor, &network->deadline,
			  network->supervisor->machine->plan.dhcp.wait);
	for (struct interface *item = network->interfaces; item; item = item->next)
		if (item->plan->method == PLAN_METHOD_DHCP)
			client_start(item);
}

/* the name servers of no interface in particular */
static void set_resolver(const struct bootplan *plan)
{
	/* there from the start: Docker makes a folder of a missing file that a container is to have
	 */
	CLEANUP(fd_close) int fd = open(RESOLV_CONF, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int r = fd < 0 ? -errno : 0;

	if (r == 0 && plan->has_resolver)
		r = resolver_set(RESOLVER_PLAN, "", &plan->resolver.server, &plan->resolver.search);
	if (r < 0)
		(void)log_line(LOG_WARNING, r, "network: cannot write '" RESOLV_CONF "': %s",
			       strerror(-r));
}

void network_end(struct network *network)
{
	if (!network->supervisor)
		return;
	while (network->interfaces)
		interface_free(network->interfaces);
	timer_clear(network->supervisor, &network->deadline);
	watch_remove(network->supervisor, &network->events);
	fd_close(&network->events.fd);
}

/* Why there is nothing to do in a container: its manager, or the machine whose network it shares,
 * has done it. NULL: there is. */
static const char *container_network(void)
{
	const char *why = "in a container without a network of its own";
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return why;
	for (const struct ifaddrs *item = all; item; item = item->ifa_next) {
		if (item->ifa_flags & IFF_LOOPBACK)
			continue;
		if (item->ifa_addr && item->ifa_addr->sa_family == AF_INET) {
			why = "in a container whose network has addresses";
			break;
		}
		why = NULL;
	}
	freeifaddrs(all);
	return why;
}

void network_start(struct network *network, struct supervisor *supervisor)
{
	const char *why = supervisor->machine->container ? container_network() : NULL;
	struct bootplan *plan = &supervisor->machine->plan;
	bool wants_any = false, wants_dhcp = false;
	int r;

	network->supervisor = supervisor;
	network->events.fd = -1;
	network->deadline = (struct timer){ .fire = deadline_due, .owner = network };
	network->record = step_begin(supervisor->machine, "network");
	if (!why)
		set_resolver(plan);
	for (size_t i = 0; i < plan->network_count; i++) {
		wants_any |= plan->networks[i].method != PLAN_METHOD_NONE;
		wants_dhcp |= plan->networks[i].method == PLAN_METHOD_DHCP;
	}
	network->is_released = true; /* until there is something to hold back */
	if (!wants_any)
		why = "none wanted";
	if (why) {
		settle(network, step_details(network->record, STEP_SKIP, "%s", why));
		return;
	}
	if (wants_dhcp && (!plan->has_dhcp || plan->dhcp.exec.count == 0)) {
		settle(network, step_details(network->record, -ENOENT,
					     "there is no DHCP client in this image; add the "
					     "profile 'dhcp'"));
		return;
	}
	if (plan->dhcp.wait == 0)
		plan->dhcp.wait = NETWORK_WAIT_MS;
	r = network_events_open(network);
	if (r < 0)
		(void)log_line(LOG_WARNING, r,
			       "network: interfaces that appear later will not be seen: %s",
			       strerror(-r));
	network->is_released = false;
	if (!wants_dhcp || plan->dhcp.after != PLAN_AFTER_IMAGES)
		network_release(network);
	look(network);
}
