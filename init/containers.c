/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers.c - containers as the kernel shows them, without asking Docker
 *
 * In:    cgroups named by 64 hex digits, wherever they are, and their processes; what is known of
 *        how they want to be stopped
 * Out:   signals; all containers ended, or given up
 * Not:   freezing their daemon first (power.c), asking it (stop_wishes.c)
 * Facts: docs/boot.md section 5. A process that is 1 in its PID namespace gets no signal that it
 *        has no handler for, other than SIGKILL and SIGSTOP: pid_namespaces(7). Waiting for such a
 *        one (a shell) would only use up the time, so it is killed at once
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "cgroup_tree.h"
#include "containers.h"
#include "lib/file.h"
#include "machine.h"

#define COUNTDOWN_MS 5000
#define STATUS_BYTES 65536
#define RUNNING_MS 100 /* one that computes all the time is not waited for longer */

bool container_name_is(const char *cgroup)
{
	const char *name = base_name(cgroup);

	return strspn(name, "0123456789abcdef") == CONTAINER_ID_DIGITS &&
	       name[CONTAINER_ID_DIGITS] == '\0';
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
	parsed.takes = strtoull(caught, NULL, 16) | strtoull(blocked, NULL, 16);
	*process = parsed;
	return 0;
}

/* the process of a container that stands for it */
struct first_process {
	pid_t pid; /* 0: none seen */
	struct container_process is;
};

/* Is it in sigwait(3) or the like? While it is, the kernel shows signals that it waits for as not
 * blocked: kernel/signal.c, do_sigtimedwait(). docker-init (tini) and dumb-init spend their lives
 * there. The last two numbers are those of 32-bit programs (x86, arm), which no 64-bit one sleeps
 * in. */
static bool waits_for_signals(pid_t pid)
{
	static const unsigned long numbers[] = { SYS_rt_sigtimedwait, 177, 421 };
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(memory_free) char *line = NULL;
	uint64_t end_ms = clock_ms() + RUNNING_MS;
	unsigned long number;
	char *end;

	text_format(&path, "/proc/%d/syscall", pid);
	/* one that was just woken there, and has no processor yet, is "running": nothing tells when
	 * it goes on */
	do {
		memory_free(&line);
		if (file_read_line(AT_FDCWD, text_string(&path), &line) < 0)
			return false;
	} while (text_equal(line, "running") && clock_ms() < end_ms && poll(NULL, 0, 1) == 0);
	number = strtoul(line, &end, 10);
	for (size_t i = 0; i < COUNT_OF(numbers) && end != line; i++)
		if (number == numbers[i])
			return true;
	return false;
}

/* Process 1 of the outermost namespace below the machine's own; a container inside a container has
 * one too, deeper. With the host's PID namespace there is none: then the first that is listed. */
static void consider(pid_t pid, void *context)
{
	struct first_process *first = context;
	CLEANUP(text_free) struct text path = TEXT_EMPTY, status = TEXT_EMPTY;
	struct container_process process;
	bool is_waiting = waits_for_signals(pid);

	text_format(&path, "/proc/%d/status", pid);
	if (file_read(AT_FDCWD, text_string(&path), STATUS_BYTES, &status) < 0 ||
	    container_process_parse(text_string(&status), &process) < 0)
		return;
	if (first->pid > 0 &&
	    !(process.is_first && (!first->is.is_first || process.depth < first->is.depth)))
		return;
	first->pid = pid;
	first->is = process;
	/* again: it may have begun to wait after the first look */
	if (is_waiting || waits_for_signals(pid))
		first->is.takes = UINT64_MAX;
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

/* a container that is being ended */
struct ending {
	const char *name; /* its cgroup */
	int events_fd;    /* its cgroup.events; -1: it is gone, or given up */
	uint64_t end_ms;  /* of its time; after the kill: of the wait for that */
	bool is_killed;
};

static void kill_container(struct ending *ending, uint64_t kill_ms, struct container_count *count)
{
	(void)cgroup_kill(ending->name);
	ending->is_killed = true;
	ending->end_ms = clock_ms() + kill_ms;
	count->killed++;
}

/* its signal, if it takes that; else its end. Return: whether it may take its time */
static bool ask(const char *name, int signal_number)
{
	struct first_process first = { 0 };
	bool is_taken;

	cgroup_processes(name, consider, &first);
	is_taken = first.pid > 0 && (!first.is.is_first ||
				     (first.is.takes & UINT64_C(1) << (signal_number - 1)) != 0);
	is_taken = is_taken && kill(first.pid, signal_number) == 0;
	/* a paused one hears it when it goes on */
	(void)cgroup_write(name, "cgroup.freeze", "0");
	return is_taken;
}

/* what is due now. Return: how many are still waited for, and when to look again */
static size_t look(struct ending *endings, size_t count_all, uint64_t kill_ms,
		   struct container_count *count, uint64_t *ret_next_ms)
{
	size_t left = 0;

	for (size_t i = 0; i < count_all; i++) {
		struct ending *ending = &endings[i];

		if (ending->events_fd < 0)
			continue;
		if (cgroup_events_read(ending->events_fd, "populated") == 1) {
			if (clock_ms() >= ending->end_ms && !ending->is_killed)
				kill_container(ending, kill_ms, count);
			if (clock_ms() < ending->end_ms) {
				left++;
				if (ending->end_ms < *ret_next_ms)
					*ret_next_ms = ending->end_ms;
				continue;
			}
			count->stuck++;
			(void)log_line(LOG_ERROR, 0,
				       "power: container %.12s cannot be killed, going on without",
				       base_name(ending->name));
		}
		fd_close(&ending->events_fd);
		/* also the empty: its process may have been in the middle of a fork */
		(void)cgroup_kill(ending->name);
	}
	return left;
}

static void wait_for_all(struct ending *endings, size_t count_all, uint64_t end_ms,
			 uint64_t kill_ms, struct container_count *count)
{
	CLEANUP(memory_free) struct pollfd *pollfds = calloc(count_all + 1, sizeof(*pollfds));
	uint64_t say_ms = clock_ms() + COUNTDOWN_MS;

	for (;;) {
		uint64_t next_ms = say_ms, now;
		size_t left = look(endings, count_all, kill_ms, count, &next_ms);

		now = clock_ms();
		if (left == 0)
			return;
		if (now >= say_ms) {
			(void)log_line(
				LOG_WARNING, 0, "power: containers left: %zu, at most %llu s", left,
				(unsigned long long)(now < end_ms ? (end_ms - now) / 1000 : 0));
			say_ms = next_ms = now + COUNTDOWN_MS;
		}
		for (size_t i = 0; pollfds && i < count_all; i++)
			pollfds[i] =
				(struct pollfd){ .fd = endings[i].events_fd, .events = POLLPRI };
		(void)poll(pollfds, pollfds ? count_all : 0,
			   next_ms > now ? (int)(next_ms - now) : 0);
	}
}

static void find_running(struct strings *names)
{
	CLEANUP(strings_free) struct strings found = STRINGS_EMPTY;

	find(NULL, &found);
	for (size_t i = 0; i < found.count; i++)
		if (cgroup_event(found.items[i], "populated") == 1)
			(void)strings_add(names, found.items[i]);
}

size_t containers_running(void)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;

	find_running(&names);
	return names.count;
}

int containers_end(const struct stop_wishes *wishes, uint64_t end_ms, uint64_t kill_ms,
		   struct container_count *ret_count)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	CLEANUP(memory_free) struct ending *endings = NULL;
	struct container_count count = { 0 };

	find_running(&names);
	endings = calloc(names.count + 1, sizeof(*endings));
	if (!endings)
		return -ENOMEM;
	for (size_t i = 0; i < names.count; i++) {
		const struct stop_wish wish = stop_wish_of(wishes, base_name(names.items[i]));
		uint64_t now = clock_ms(), left_ms = end_ms > now ? end_ms - now : 0;

		endings[i] = (struct ending){ .name = names.items[i] };
		endings[i].events_fd = cgroup_events_open(names.items[i]);
		endings[i].end_ms = now + (wish.grace_ms < left_ms ? wish.grace_ms : left_ms);
		if (ask(names.items[i], wish.signal))
			count.asked++;
		else
			kill_container(&endings[i], kill_ms, &count);
	}
	wait_for_all(endings, names.count, end_ms, kill_ms, &count);
	*ret_count = count;
	return count.stuck > 0 ? -EBUSY : 0;
}
