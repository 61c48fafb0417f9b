/* SPDX-License-Identifier: Apache-2.0 */
/*
 * network_client.c - a DHCP client for an interface
 *
 * In:    the plan's program; the interface
 * Out:   a client in the cgroup "network", started again when it ends
 * Not:   addresses and routes (dhcp_script.c)
 * Facts: docs/boot.md section 7; udhcpc renews its lease on SIGUSR1, and `docker run` hands the
 *        signal on to the container
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "network_interface.h"
#include "spawn.h"

static const struct backoff_rule client_rule = {
	.first_ms = 1000,
	.most_ms = 30000,
	.good_ms = 60000,
};

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
	/* in the foreground; five tries a second apart, two seconds of pause, for ever; what
	 * servers tell only when asked */
	static const char script[] = DHCP_SCRIPT_PATH;
	const char *const options[] = {
		"-f", "-i", interface->name, "-s", script,   "-t", "5", "-T", "1", "-A",
		"2",  "-O", "mtu",           "-O", "ntpsrv",
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

void client_start(struct interface *interface)
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

/* also when another one has its name by now */
static bool is_gone(const struct interface *interface)
{
	return (int)if_nametoindex(interface->name) != interface->index;
}

static void again_due(struct supervisor *supervisor, struct timer *timer)
{
	struct interface *interface = timer->owner;
	struct network *network = interface->network;

	if (supervisor->is_ending)
		return;
	if (!is_gone(interface)) {
		client_start(interface);
		return;
	}
	interface_free(interface);
	network_changed(network, true);
}

static void client_ended(struct supervisor *supervisor, struct child *child, int status)
{
	struct interface *interface = child->owner;
	struct network *network = interface->network;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	size_t count;

	output_drain(&interface->output);
	if (supervisor->is_ending)
		return;
	if (is_gone(interface)) {
		interface_free(interface);
		network_changed(network, true);
		return;
	}
	status_describe(status, &why);
	count = output_last_count(&interface->output);
	if (count > 0)
		text_format(&why, " (%s)", output_last(&interface->output, count - 1));
	start_again(interface, clock_ms() - interface->started_ms, text_string(&why));
}

int client_open(struct interface *interface)
{
	int r;

	interface->client = (struct child){ .ended = client_ended, .owner = interface };
	interface->again = (struct timer){ .fire = again_due, .owner = interface };
	interface->output.name = interface->name;
	interface->output.line = client_line;
	r = output_open(&interface->output, interface->network->supervisor);
	return r == 0 ? 0
		      : log_line(LOG_ERROR, r, "network: no pipe for the DHCP client on %s: %s",
				 interface->name, strerror(-r));
}

void client_renew(const struct interface *interface)
{
	if (interface->client.pid > 0)
		(void)kill(interface->client.pid, SIGUSR1);
}

void client_end(const struct interface *interface)
{
	if (interface->client.pid > 0)
		(void)kill(interface->client.pid, SIGTERM);
}
