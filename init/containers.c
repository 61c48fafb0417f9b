/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers.c - containers as the kernel shows them, without asking Docker
 *
 * In:    cgroups named by 64 hex digits, wherever they are, and their processes
 * Out:   signals; all containers ended
 * Not:   freezing their daemon first (power.c)
 * Facts: docs/boot.md section 5. A process that is 1 in its PID namespace gets no signal that it
 *        has no handler for, other than SIGKILL: pid_namespaces(7). Waiting for such a one (a
 *        shell) would only use up the time, so it is killed at once
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup_tree.h"
#include "containers.h"
#include "lib/file.h"
#include "machine.h"

#define ID_DIGITS 64
#define STATUS_BYTES 65536

bool container_name_is(const char *cgroup)
{
	const char *name = base_name(cgroup);

	return strspn(name, "0123456789abcdef") == ID_DIGITS && name[ID_DIGITS] == '\0';
}

/* what follows "KEY:" and blanks on its line, or NULL */
static const char *status_field(const char *status, const char *key)
{
	for (const char *line = status; line; line = strchr(line, '\n')) {
		const char *value = text_after(line += *line == '\n', key);

		if (value && *value == ':')
			return value + 1 + strspn(value + 1, " \t");
	}
	return NULL;
}

int container_process_parse(const char *status, struct container_process *process)
{
	const uint64_t sigterm = UINT64_C(1) << (SIGTERM - 1);
	const char *pids = status_field(status, "NSpid");
	const char *caught = status_field(status, "SigCgt");
	const char *blocked = status_field(status, "SigBlk");
	struct container_process parsed = { 0 };

	if (!pids || !caught || !blocked)
		return -EINVAL;
	while (isdigit((unsigned char)*pids)) {
		char *end;

		parsed.is_first = strtoul(pids, &end, 10) == 1;
		parsed.depth++;
		pids = end + strspn(end, " \t");
	}
	if (parsed.depth == 0)
		return -EINVAL;
	parsed.takes_sigterm =
		((strtoull(caught, NULL, 16) | strtoull(blocked, NULL, 16)) & sigterm) != 0;
	*process = parsed;
	return 0;
}

/* the process of a container that stands for it */
struct first_process {
	pid_t pid; /* 0: none seen */
	struct container_process is;
};

/* Process 1 of the outermost namespace below the machine's own; a container inside a container has
 * one too, deeper. With the host's PID namespace there is none: then the first that is listed. */
static void consider(pid_t pid, void *context)
{
	struct first_process *first = context;
	CLEANUP(text_free) struct text path = TEXT_EMPTY, status = TEXT_EMPTY;
	struct container_process process;

	text_format(&path, "/proc/%d/status", pid);
	if (file_read(AT_FDCWD, text_string(&path), STATUS_BYTES, &status) < 0 ||
	    container_process_parse(text_string(&status), &process) < 0)
		return;
	if (first->pid > 0 &&
	    !(process.is_first && (!first->is.is_first || process.depth < first->is.depth)))
		return;
	first->pid = pid;
	first->is = process;
}

/* append the cgroups of containers below @name (NULL: everywhere) */
static void find(const char *name, struct strings *containers)
{
	CLEANUP(strings_free) struct strings children = STRINGS_EMPTY;

	(void)cgroup_children(name, &children);
	for (size_t i = 0; i < children.count; i++) {
		const char *child = children.items[i];

		if (container_name_is(child))
			(void)strings_add(containers, child);
		else if (!cgroup_is_ours(child))
			find(child, containers);
	}
}

/* Return: whether it may take its time */
static bool ask(const char *container)
{
	struct first_process first = { 0 };

	cgroup_processes(container, consider, &first);
	/* a paused one hears nothing before it goes on */
	(void)cgroup_write(container, "cgroup.freeze", "0");
	if (first.pid == 0)
		return false;
	if (first.is.is_first && !first.is.takes_sigterm) {
		(void)cgroup_kill(container);
		return false;
	}
	return kill(first.pid, SIGTERM) == 0;
}

int containers_end(uint64_t end_ms, uint64_t kill_ms, struct container_count *ret_count)
{
	CLEANUP(strings_free) struct strings containers = STRINGS_EMPTY;
	struct container_count count = { 0 };
	int r = 0;

	find(NULL, &containers);
	for (size_t i = 0; i < containers.count; i++) {
		if (cgroup_event(containers.items[i], "populated") != 1)
			continue;
		if (ask(containers.items[i]))
			count.asked++;
		else
			count.killed++;
	}
	for (size_t i = 0; i < containers.count; i++) {
		if (cgroup_wait(containers.items[i], "populated", '0', end_ms) == -ETIMEDOUT)
			count.killed++;
		/* also the empty: its process may have been in the middle of a fork */
		(void)cgroup_kill(containers.items[i]);
	}
	for (size_t i = 0; i < containers.count; i++)
		if (cgroup_wait(containers.items[i], "populated", '0', clock_ms() + kill_ms) < 0)
			r = -EBUSY;
	*ret_count = count;
	return r;
}
