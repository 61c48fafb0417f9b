/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_kernel.c - limits, forwarding, modules
 *
 * In:    what the kernel shows
 * Out:   limits of this process, the sysctl, modules that modprobe finds
 * Not:   the firewall's own (dockerlaunch_firewall.c)
 * Facts: docs/boot.md sections 2 and 6. What is built in need not show in /sys/module, so that each
 *        is asked for by what it brings, where it brings something to see
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "api_mounts.h"
#include "aside.h"
#include "dockerlaunch_place.h"
#include "lib/file.h"
#include "limits.h"

#define FORWARD "/proc/sys/net/ipv4/ip_forward"
#define FILE_SYSTEMS "/proc/filesystems"
#define MOST_BYTES (64 << 10)

// clang-format off
static const struct module_row {
	const char *name;
	const char *file; /* there when the kernel has it */
	const char *file_system; /* or it has this one */
	const char *why;
} module_rows[] = {
	{ "overlay",      "/sys/module/overlay",      "overlay", "storage driver overlay2" },
	{ "bridge",       "/sys/module/bridge",       NULL, "networks of containers" },
	{ "br_netfilter", "/proc/sys/net/bridge",     NULL, "firewall between containers" },
	{ "veth",         "/sys/module/veth",         NULL, "networks of containers" },
	{ "nf_nat",       "/sys/module/nf_nat",       NULL, "the way out of containers" },
	{ "xt_conntrack", "/sys/module/xt_conntrack", NULL, "firewall" },
	{ "xt_addrtype",  "/sys/module/xt_addrtype",  NULL, "firewall" },
	{ "xt_MASQUERADE", "/sys/module/xt_MASQUERADE", NULL, "the way out of containers" },
};

static const char *const modprobes[] = { "/sbin/modprobe", "/usr/sbin/modprobe", "/bin/modprobe", "/usr/bin/modprobe" };
// clang-format on

/* ---- limits ---- */

int launch_limits(struct launch *launch)
{
	uint64_t wanted = launch->settings->open_files, most = limit_nofile_most(), now = 0;
	int r = limit_get("nofile", &now);

	if (wanted > most && !launch_changes(launch))
		(void)launch_say(launch, LAUNCH_WITHOUT, "nofile",
				 "%llu is more than fs.nr_open allows, %llu instead",
				 (unsigned long long)wanted, (unsigned long long)most);
	if (r < 0 || (now >= wanted && !launch_changes(launch)))
		return launch_say(launch, LAUNCH_HAS, "nofile", "%llu", (unsigned long long)now);
	r = launch_changes(launch) ? limit_set("nofile", wanted, NULL)
				   : launch_refusal(launch, CAP_SYS_RESOURCE);
	if (r == 0) {
		if (launch_changes(launch))
			(void)limit_set("nproc", UINT64_MAX, NULL);
		return launch_say(launch, LAUNCH_MAKES, "nofile", "%llu",
				  (unsigned long long)(wanted > most ? most : wanted));
	}
	/* as far as it goes */
	if (launch_changes(launch))
		(void)limit_set("nofile", now, NULL);
	return launch_say(launch, LAUNCH_WITHOUT, "nofile", "stays at %llu%s",
			  (unsigned long long)now, launch_needs(launch, CAP_SYS_RESOURCE));
}

/* ---- forwarding ---- */

static int write_forwarding(void)
{
	int r = file_write_existing(AT_FDCWD, FORWARD, "1\n");

	/* containers that are not quite privileged have it bound read-only onto itself */
	if (r == -EROFS && is_mount_point("/proc/sys") &&
	    mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
		r = file_write_existing(AT_FDCWD, FORWARD, "1\n");
	return r;
}

int launch_forwarding(struct launch *launch)
{
	CLEANUP(memory_free) char *line = NULL;
	int r;

	if (!launch->wants_network || launch_is_off(launch, "ip-forward"))
		return launch_say(launch, LAUNCH_HAS, "ip_forward", "not wanted");
	if (!launch_changes(launch) && !is_mount_point("/proc"))
		return launch_say(launch, LAUNCH_MAKES, "ip_forward", "1, with '/proc'");
	r = file_read_line(AT_FDCWD, FORWARD, &line);
	if (r == 0 && text_equal(line, "1"))
		return launch_say(launch, LAUNCH_HAS, "ip_forward", "1");
	if (r == 0)
		r = launch_changes(launch) ? write_forwarding()
					   : launch_refusal(launch, CAP_NET_ADMIN);
	if (r == 0)
		return launch_say(launch, LAUNCH_MAKES, "ip_forward", "1");
	return launch_say(launch, LAUNCH_LACKS, "ip_forward",
			  "cannot write '%s': %s%s; or run dockerd with --ip-forward=false",
			  FORWARD, strerror(-r), launch_needs(launch, CAP_NET_ADMIN));
}

/* ---- modules ---- */

static bool has_file_system(const char *name)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY, word = TEXT_EMPTY;

	text_format(&word, "\t%s\n", name);
	return file_read(AT_FDCWD, FILE_SYSTEMS, MOST_BYTES, &text) == 0 &&
	       strstr(text_string(&text), text_string(&word));
}

static bool is_loaded(const struct module_row *row)
{
	return is_there(row->file) || (row->file_system && has_file_system(row->file_system));
}

static const char *modprobe_find(void)
{
	for (size_t i = 0; i < COUNT_OF(modprobes); i++)
		if (access(modprobes[i], X_OK) == 0)
			return modprobes[i];
	return NULL;
}

/* one call for all of them. Return: 0 or a negative errno; what it could not load is seen after */
static int modprobe_run(const char *modprobe, char **argv)
{
	posix_spawn_file_actions_t actions;
	char *environment[] = { NULL };
	int status, r;
	pid_t pid;

	argv[0] = strdup(modprobe);
	if (!argv[0] || posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	(void)posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	r = posix_spawn(&pid, modprobe, &actions, NULL, argv, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	free(argv[0]);
	if (r != 0)
		return -r;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOENT;
}

/* built in, or among what could be loaded: modules.builtin and modules.dep of the running kernel */
static bool modules_are_here(void)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct utsname system;

	if (uname(&system) < 0)
		return false;
	text_format(&path, "/lib/modules/%s/modules.dep", system.release);
	return is_there(text_string(&path));
}

int launch_modprobe(const char *name)
{
	const char *modprobe = modprobe_find();
	char quiet[] = "-bq", module[64];
	char *argv[] = { NULL, quiet, module, NULL };

	if (!modprobe || !modules_are_here())
		return -ENOENT;
	(void)snprintf(module, sizeof(module), "%s", name);
	return modprobe_run(modprobe, argv);
}

static int say_module(struct launch *launch, const struct module_row *row, const char *modprobe,
		      bool was_loaded, bool is_here)
{
	bool is_overlay = row->file_system != NULL;

	if (is_loaded(row))
		return launch_say(launch, was_loaded ? LAUNCH_HAS : LAUNCH_MAKES, row->name,
				  "loaded, for %s", row->why);
	if (!launch_changes(launch) && modprobe && is_here && launch_may(launch, CAP_SYS_MODULE))
		return launch_say(launch, LAUNCH_MAKES, row->name, "by '%s', for %s", modprobe,
				  row->why);
	/* what is built in and shows nothing of itself cannot be told from what is missing: only a
	 * kernel that has modules at all is blamed */
	if (!is_overlay && !is_there("/proc/modules"))
		return launch_say(launch, LAUNCH_HAS, row->name,
				  "built in, or not there: this kernel has no modules");
	if (!is_overlay && is_here)
		return launch_say(launch, LAUNCH_HAS, row->name, "built in, or not there");
	return launch_say(launch, LAUNCH_WITHOUT, row->name,
			  "not loaded, for %s, and %s; load it on the host (modprobe %s), or mount "
			  "the host's modules (-v /lib/modules:/lib/modules:ro)%s",
			  row->why,
			  modprobe ? "the modules of this kernel are not here"
				   : "there is no modprobe",
			  row->name, launch_needs(launch, CAP_SYS_MODULE));
}

int launch_modules(struct launch *launch)
{
	const char *modprobe = modprobe_find();
	bool was_loaded[COUNT_OF(module_rows)], is_here = modules_are_here();
	char quiet[] = "-abq", names[COUNT_OF(module_rows)][24];
	char *argv[COUNT_OF(module_rows) + 3] = { NULL, quiet };
	size_t count = 2;
	int r = 0;

	if (!launch_changes(launch) && (!is_mount_point("/proc") || !is_mount_point("/sys")))
		return launch_say(launch, LAUNCH_HAS, "modules",
				  "cannot be told before '/proc' and '/sys' are there");
	for (size_t i = 0; i < COUNT_OF(module_rows); i++) {
		was_loaded[i] = is_loaded(&module_rows[i]);
		(void)snprintf(names[i], sizeof(names[i]), "%s", module_rows[i].name);
		if (!was_loaded[i])
			argv[count++] = names[i];
	}
	if (count > 2 && modprobe && is_here && launch_changes(launch))
		(void)modprobe_run(modprobe, argv);
	for (size_t i = 0; r == 0 && i < COUNT_OF(module_rows); i++)
		r = say_module(launch, &module_rows[i], modprobe, was_loaded[i], is_here);
	return r;
}
