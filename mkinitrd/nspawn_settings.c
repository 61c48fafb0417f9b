/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nspawn_settings.c - "run:" in the words of systemd (see nspawn.h)
 *
 * In:    settings
 * Out:   NAME.nspawn, and a drop-in for the unit
 * Not:   where they lie (nspawn.c)
 * Facts: systemd.nspawn(5), systemd-nspawn(1), systemd.resource-control(5). Words are split at
 *        blanks and may be quoted; a backslash stays one, so a quote in quotes is written in those
 *        of the other sort. Containers' API file systems are read-only unless the environment of
 *        systemd-nspawn says otherwise: SYSTEMD_NSPAWN_API_VFS_WRITABLE, in ENVIRONMENT of its
 *        sources
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "nspawn.h"

/* Docker's seccomp profile is that of its containers; these are not in systemd-nspawn's */
#define PRIVILEGED_CALLS "add_key keyctl bpf"

/* one word, whatever is in it. Return: 0, or -EINVAL when no quotes hold it */
static int add_word(struct text *text, const char *word)
{
	if (strpbrk(word, "\n\r"))
		return -EINVAL;
	text_add(text, "\"");
	for (const char *at = word; *at; at++)
		if (*at == '"')
			text_add(text, "\"'\"'\"");
		else
			text_add_char(text, *at);
	text_add(text, "\"");
	return 0;
}

static int add_words(struct text *text, const char *key, const struct strings *words)
{
	text_format(text, "%s=", key);
	for (size_t i = 0; i < words->count; i++) {
		text_add(text, i ? " " : "");
		if (add_word(text, words->items[i]) < 0)
			return fail(0,
				    "'run:' has a line break in '%s', which settings of "
				    "systemd-nspawn cannot hold; leave it out",
				    words->items[i]);
	}
	text_add_char(text, '\n');
	return 0;
}

/* whether its users are others than the host's */
static bool has_private_users(const struct run_settings *run)
{
	return run->private_users == RUN_YES ||
	       (run->private_users == RUN_UNSAID && !run->is_privileged);
}

static void add_init(const struct run_settings *run, bool has_init, size_t words, struct text *text)
{
	if (run->init == RUN_INIT_BOOT || (words == 0 && has_init))
		text_add(text, "Boot=yes\n");
	else if (run->init == RUN_INIT_REAP)
		text_add(text, "Boot=no\nProcessTwo=yes\n");
	else
		text_add(text, "Boot=no\n");
}

static int add_exec(const struct run_settings *run, bool has_init, struct text *text)
{
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	const char *group = run->user ? strchr(run->user, ':') : NULL;
	int r = run_command(run, &words);

	if (r < 0)
		return fail(r, "cannot write settings of systemd-nspawn");
	text_add(text, "[Exec]\n");
	add_init(run, has_init, words.count, text);
	if (words.count)
		r = add_words(text, "Parameters", &words);
	if (r == 0 && run->env.count)
		r = add_words(text, "Environment", &run->env);
	if (r < 0)
		return r;
	if (run->user)
		text_format(text, "User=%.*s\n",
			    group ? (int)(group - run->user) : (int)strlen(run->user), run->user);
	if (group)
		note("systemd-nspawn has no word for the group of '%s': it is that of the user",
		     run->user);
	if (run->directory)
		text_format(text, "WorkingDirectory=%s\n", run->directory);
	if (run->stop_signal)
		text_format(text, "KillSignal=%s\n", run->stop_signal);
	if (run->nofile == UINT64_MAX)
		text_add(text, "LimitNOFILE=infinity\n");
	else if (run->nofile)
		text_format(text, "LimitNOFILE=%llu\n", (unsigned long long)run->nofile);
	if (run->is_privileged)
		text_add(text, "Capability=all\nSystemCallFilter=" PRIVILEGED_CALLS "\n");
	text_format(text, "PrivateUsers=%s\n", has_private_users(run) ? "pick" : "no");
	return 0;
}

void nspawn_volume_folder(const char *path, struct text *text)
{
	for (path += strspn(path, "/"); *path; path++)
		text_add_char(text, *path == '/' ? '-' : *path);
}

static int add_volumes(const struct run_settings *run, const char *volumes, struct text *text)
{
	if (run->volumes.count)
		text_add(text, "\n[Files]\n");
	for (size_t i = 0; i < run->volumes.count; i++) {
		const char *path = run->volumes.items[i];

		if (strpbrk(path, ":\\\"' \t\n") || text_equal(path, "/"))
			return fail(0,
				    "the volume '%s' has a name that settings of systemd-nspawn "
				    "cannot hold; take it out of 'run: volumes:'",
				    path);
		text_format(text, "Bind=%s/", volumes);
		nspawn_volume_folder(path, text);
		text_format(text, ":%s%s\n", path, has_private_users(run) ? ":idmap" : "");
	}
	return 0;
}

static void add_network(const struct run_settings *run, struct text *text)
{
	static const char *const lines[] = {
		[RUN_NETWORK_UNSAID] = "",
		[RUN_NETWORK_HOST] = "Private=no\nVirtualEthernet=no\n",
		[RUN_NETWORK_PRIVATE] = "Private=yes\nVirtualEthernet=no\n",
		[RUN_NETWORK_VETH] = "VirtualEthernet=yes\n",
		[RUN_NETWORK_BRIDGE] = "Bridge=",
		[RUN_NETWORK_MACVLAN] = "VirtualEthernet=no\nMACVLAN=",
	};

	bool has_port = false;

	for (size_t i = 0; i < run->port_count; i++)
		has_port |= run->ports[i].host != 0;
	if (run->network == RUN_NETWORK_UNSAID && !has_port)
		return;
	text_format(text, "\n[Network]\n%s", lines[run->network]);
	if (run->network_name)
		text_format(text, "%s\n", run->network_name);
	for (size_t i = 0; i < run->port_count; i++) {
		const struct run_port *port = &run->ports[i];

		if (port->host && port->protocol != RUN_SCTP)
			text_format(text, "Port=%s:%u:%u\n", run_protocol_name(port->protocol),
				    port->host, port->port);
		else if (port->host)
			note("systemd-nspawn leads no ports of SCTP to a machine: %u, skipping",
			     port->port);
	}
}

int nspawn_settings(const struct run_settings *run, bool has_init, const char *volumes,
		    struct text *text)
{
	int r = add_exec(run, has_init, text);

	if (r == 0)
		r = add_volumes(run, volumes, text);
	if (r < 0)
		return r;
	add_network(run, text);
	return text->failed ? fail(-ENOMEM, "cannot write settings of systemd-nspawn") : 0;
}

int nspawn_limits(const struct run_settings *run, struct text *text)
{
	if (!run->memory && !run->cpus && !run->pids && !run->is_privileged)
		return 0;
	text_add(text, "[Service]\n");
	if (run->is_privileged)
		text_add(text, "Environment=SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes\n");
	if (run->memory)
		text_format(text, "MemoryMax=%llu\n", (unsigned long long)run->memory);
	if (run->cpus)
		text_format(text, "CPUQuota=%llu.%llu%%\n", (unsigned long long)run->cpus / 10,
			    (unsigned long long)run->cpus % 10);
	if (run->pids)
		text_format(text, "TasksMax=%llu\n", (unsigned long long)run->pids);
	return text->failed ? -ENOMEM : 0;
}
