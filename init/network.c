/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network.c - a DHCP client for each interface that the plan wants one for
 *
 * In:    interfaces that are there, and that appear later; the plan's patterns
 * Out:   clients in the cgroup "network", started again when they end; the step "network", which
 *        ends with the first lease or at its deadline, while the clients go on
 * Not:   addresses and routes (dhcp_script.c)
 * Facts: docs/boot.md section 7; rtnetlink(7) RTNLGRP_LINK; only hardware has a "device" in
 *        /sys/class/net/NAME, so a wide pattern does not catch lo, bridges and veth pairs
 */
#include <errno.h>
#include <fnmatch.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "backoff.h"
#include "netlink.h"
#include "network.h"
#include "output.h"
#include "spawn.h"

static const struct backoff_rule client_rule = {
	.first_ms = 1000,
	.most_ms = 30000,
	.good_ms = 60000,
};

struct interface {
	struct interface *next;
	struct network *network;
	char name[IFNAMSIZ];
	char lease[400]; /* the last, as "interface=... address=..."; empty: none yet */
	struct child client;
	struct timer again;
	struct output output;
	struct backoff backoff;
	uint64_t started_ms;
};

static void settle(struct network *network, int result)
{
	if (network->is_settled)
		return;
	network->is_settled = true;
	timer_clear(network->supervisor, &network->deadline);
	step_end(network->supervisor->machine, network->record, result);
	network->settled(network);
}

/* the script's complaints are lines of our own; what the client itself says is for rd.debug */
static void client_line(struct output *output, const char *line)
{
	const char *ours = text_after(line, "mkinitrd: ");

	if (ours)
		(void)log_line(LOG_WARNING, 0, "%s", ours);
	else
		(void)log_line(LOG_DEBUG, 0, "network: %s: %s", output->name, line);
}

static int client_arguments(const struct interface *interface, struct strings *words)
{
	const struct plan_dhcp *dhcp = &interface->network->supervisor->machine->plan.dhcp;
	/* in the foreground; five tries a second apart, two seconds of pause, for ever */
	static const char script[] = DHCP_SCRIPT_PATH;
	const char *const options[] = {
		"-f", "-i", interface->name, "-s", script, "-t", "5", "-T", "1", "-A", "2"
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < dhcp->exec.count; i++)
		r = strings_add(words, dhcp->exec.items[i]);
	for (size_t i = 0; r == 0 && i < COUNT_OF(options); i++)
		r = strings_add(words, options[i]);
	return r;
}

static void start_again(struct interface *interface, uint64_t lived_ms, const char *why)
{
	uint64_t pause = backoff_pause(&interface->backoff, &client_rule, lived_ms);

	(void)log_line(LOG_WARNING, 0, "network: the DHCP client on %s %s, again in %llu s",
		       interface->name, why, (unsigned long long)(pause / 1000));
	timer_set(interface->network->supervisor, &interface->again, pause);
}

static void start(struct interface *interface)
{
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	int r = client_arguments(interface, &words);

	if (r == 0) {
		const struct spawn how = {
			.argv = words.items,
			.cgroup = "network",
			.output = interface->output.write_fd,
			.error = interface->output.write_fd,
		};

		r = spawn(&how, &interface->client.pid);
	}
	interface->started_ms = clock_ms();
	if (r == 0) {
		child_add(interface->network->supervisor, &interface->client);
		return;
	}
	text_format(&why, "cannot be started (%s)", strerror(-r));
	start_again(interface, 0, text_string(&why));
}

static void interface_free(struct interface *interface)
{
	struct network *network = interface->network;

	for (struct interface **link = &network->interfaces; *link; link = &(*link)->next) {
		if (*link == interface) {
			*link = interface->next;
			break;
		}
	}
	timer_clear(network->supervisor, &interface->again);
	output_close(&interface->output, network->supervisor);
	free(interface);
}

static void again_due(struct supervisor *supervisor, struct timer *timer)
{
	struct interface *interface = timer->owner;

	if (supervisor->is_ending)
		return;
	if (if_nametoindex(interface->name) == 0)
		interface_free(interface);
	else
		start(interface);
}

static void client_ended(struct supervisor *supervisor, struct child *child, int status)
{
	struct interface *interface = child->owner;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	size_t count;

	output_drain(&interface->output);
	if (supervisor->is_ending)
		return;
	if (if_nametoindex(interface->name) == 0) {
		interface_free(interface);
		return;
	}
	status_describe(status, &why);
	count = output_last_count(&interface->output);
	if (count > 0)
		text_format(&why, " (%s)", output_last(&interface->output, count - 1));
	start_again(interface, clock_ms() - interface->started_ms, text_string(&why));
}

/* the first pattern that matches decides */
static bool wants_dhcp(const struct bootplan *plan, const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, "/sys/class/net/%s/device", name);
	if (access(text_string(&path), F_OK) < 0)
		return false;
	for (size_t i = 0; i < plan->network_count; i++)
		if (fnmatch(plan->networks[i].match, name, 0) == 0)
			return plan->networks[i].method == PLAN_METHOD_DHCP;
	return false;
}

static void interface_add(struct network *network, const char *name, unsigned index)
{
	struct interface *interface;
	int r;

	for (interface = network->interfaces; interface; interface = interface->next)
		if (text_equal(interface->name, name))
			return;
	if (!wants_dhcp(&network->supervisor->machine->plan, name))
		return;
	interface = calloc(1, sizeof(*interface));
	if (!interface)
		return;
	interface->network = network;
	interface->next = network->interfaces;
	network->interfaces = interface;
	(void)snprintf(interface->name, sizeof(interface->name), "%s", name);
	interface->client = (struct child){ .ended = client_ended, .owner = interface };
	interface->again = (struct timer){ .fire = again_due, .owner = interface };
	interface->output = OUTPUT_EMPTY;
	interface->output.name = interface->name;
	interface->output.line = client_line;
	r = output_open(&interface->output, network->supervisor);
	/* the client's script does that too; now the line has had some time when it asks */
	if (r == 0)
		r = netlink_link_up((int)index);
	if (r < 0)
		(void)log_line(LOG_WARNING, r, "network: cannot bring %s up: %s", name,
			       strerror(-r));
	start(interface);
}

static void look(struct network *network)
{
	struct if_nameindex *all = if_nameindex();

	for (const struct if_nameindex *item = all; item && item->if_index; item++)
		interface_add(network, item->if_name, item->if_index);
	if (all)
		if_freenameindex(all);
}

static void links_ready(struct supervisor *supervisor, struct watch *watch)
{
	char messages[16384];

	/* which link it was does not matter, and messages that were lost do not either */
	while (recv(watch->fd, messages, sizeof(messages), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		errno = 0;
	if (!supervisor->is_ending)
		look(watch->owner);
}

static int links_open(struct network *network)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };

	network->links = (struct watch){ .ready = links_ready, .owner = network };
	network->links.fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (network->links.fd < 0 ||
	    bind(network->links.fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return watch_add(network->supervisor, &network->links, false);
}

static void deadline_due(struct supervisor *supervisor, struct timer *timer)
{
	struct network *network = timer->owner;
	CLEANUP(text_free) struct text names = TEXT_EMPTY;
	unsigned long long seconds = supervisor->machine->plan.dhcp.wait / 1000;

	for (const struct interface *item = network->interfaces; item; item = item->next)
		text_format(&names, "%s%s", names.length > 0 ? ", " : "", item->name);
	if (network->interfaces)
		(void)step_details(network->record, -ETIMEDOUT,
				   "no DHCP answer on %s within %llu s (still trying)",
				   text_string(&names), seconds);
	else
		(void)step_details(network->record, -ENODEV,
				   "no network interface that the plan wants to use appeared "
				   "within %llu s (still waiting for one)",
				   seconds);
	settle(network, -ETIMEDOUT);
}

void network_bound(struct network *network, const struct control_message *message)
{
	struct interface *interface = network->interfaces;
	char lease[sizeof(interface->lease)];

	while (interface && !text_equal(interface->name, message->interface))
		interface = interface->next;
	(void)snprintf(lease, sizeof(lease), "interface=%s address=%s gateway=%s dns=%s",
		       message->interface, message->address, message->gateway, message->dns);
	if (!interface || text_equal(interface->lease, lease))
		return; /* a client of somebody else, or only renewed */
	memcpy(interface->lease, lease, sizeof(lease));
	if (network->is_settled) {
		(void)log_line(LOG_INFO, 0, "network: %s", lease);
		return;
	}
	(void)step_details(network->record, 0, "%s", lease);
	settle(network, 0);
}

void network_start(struct network *network, struct supervisor *supervisor)
{
	const struct bootplan *plan = &supervisor->machine->plan;
	bool is_wanted = false;
	int r;

	network->supervisor = supervisor;
	network->links.fd = -1;
	network->deadline = (struct timer){ .fire = deadline_due, .owner = network };
	network->record = step_begin(supervisor->machine, "network");
	for (size_t i = 0; i < plan->network_count; i++)
		is_wanted |= plan->networks[i].method == PLAN_METHOD_DHCP;
	if (!is_wanted) {
		settle(network, step_details(network->record, STEP_SKIP, "none wanted"));
		return;
	}
	if (!plan->has_dhcp || plan->dhcp.exec.count == 0) {
		settle(network, step_details(network->record, -ENOENT,
					     "there is no DHCP client in this image; add the "
					     "profile 'dhcp'"));
		return;
	}
	r = links_open(network);
	if (r < 0)
		(void)log_line(LOG_WARNING, r,
			       "network: interfaces that appear later will not be seen: %s",
			       strerror(-r));
	timer_set(supervisor, &network->deadline, plan->dhcp.wait);
	look(network);
}
