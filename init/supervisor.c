/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor.c - one event loop for descriptors, deadlines, signals and children
 *
 * In:    watches, timers, children
 * Out:   calls of their functions
 * Not:   what they mean (service.c, network.c, console.c, control.c)
 * Facts: signalfd(2), epoll(7); a subreaper gets children that it never started, and must wait
 *        for them too: prctl(2) PR_SET_CHILD_SUBREAPER
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "supervisor.h"

int watch_add(struct supervisor *supervisor, struct watch *watch, bool priority)
{
	struct epoll_event event = { .events = priority ? EPOLLPRI : EPOLLIN, .data.ptr = watch };

	if (epoll_ctl(supervisor->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) < 0)
		return -errno;
	return 0;
}

void watch_remove(struct supervisor *supervisor, struct watch *watch)
{
	if (watch->fd >= 0)
		(void)epoll_ctl(supervisor->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

void timer_set(struct supervisor *supervisor, struct timer *timer, uint64_t after_ms)
{
	timer->due_ms = clock_ms() + after_ms;
	if (timer->is_set)
		return;
	timer->is_set = true;
	timer->next = supervisor->timers;
	supervisor->timers = timer;
}

void timer_clear(struct supervisor *supervisor, struct timer *timer)
{
	for (struct timer **link = &supervisor->timers; *link; link = &(*link)->next) {
		if (*link == timer) {
			*link = timer->next;
			break;
		}
	}
	timer->is_set = false;
}

/* the one that is due first, or NULL */
static struct timer *timer_first(const struct supervisor *supervisor)
{
	struct timer *first = supervisor->timers;

	for (struct timer *timer = first; timer; timer = timer->next)
		if (timer->due_ms < first->due_ms)
			first = timer;
	return first;
}

void child_add(struct supervisor *supervisor, struct child *child)
{
	child->next = supervisor->children;
	supervisor->children = child;
}

static struct child *child_take(struct supervisor *supervisor, pid_t pid)
{
	for (struct child **link = &supervisor->children; *link; link = &(*link)->next) {
		struct child *child = *link;

		if (child->pid == pid) {
			*link = child->next;
			child->pid = 0;
			return child;
		}
	}
	return NULL;
}

void supervisor_reap(struct supervisor *supervisor)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct child *child = child_take(supervisor, pid);

		if (child)
			child->ended(supervisor, child, status);
	}
}

static void signals_ready(struct supervisor *supervisor, struct watch *watch)
{
	struct signalfd_siginfo information;

	/* pending signals of one number are one: who sent them does not count, only that */
	while (read(watch->fd, &information, sizeof(information)) == sizeof(information))
		if (information.ssi_signo != SIGCHLD && supervisor->interrupted)
			supervisor->interrupted(supervisor, information.ssi_signo);
	supervisor_reap(supervisor);
}

int supervisor_open(struct supervisor *supervisor, struct machine *machine)
{
	static const int numbers[] = {
		SIGCHLD,
		SIGINT,
		SIGTERM,
		SIGUSR1,
		SIGUSR2,
		SIGPWR,
		SIGNAL_SYSTEMD + 3,
		SIGNAL_SYSTEMD + 4,
		SIGNAL_SYSTEMD + 5,
		SIGNAL_SYSTEMD + 13,
		SIGNAL_SYSTEMD + 14,
		SIGNAL_SYSTEMD + 15,
	};
	sigset_t handled;

	supervisor->machine = machine;
	(void)sigemptyset(&handled);
	for (size_t i = 0; i < COUNT_OF(numbers); i++)
		(void)sigaddset(&handled, numbers[i]);
	if (sigprocmask(SIG_BLOCK, &handled, NULL) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	supervisor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (supervisor->epoll_fd < 0)
		return -errno;
	supervisor->signals.fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	supervisor->signals.ready = signals_ready;
	if (supervisor->signals.fd < 0)
		return -errno;
	return watch_add(supervisor, &supervisor->signals, false);
}

static void run_timers(struct supervisor *supervisor)
{
	struct timer *timer;

	while ((timer = timer_first(supervisor)) && timer->due_ms <= clock_ms()) {
		timer_clear(supervisor, timer);
		timer->fire(supervisor, timer);
	}
}

int supervisor_run(struct supervisor *supervisor)
{
	while (supervisor->result >= 0) {
		const struct timer *first = timer_first(supervisor);
		uint64_t now = clock_ms();
		struct epoll_event event;
		int wait_ms = -1;

		if (first) {
			uint64_t left = first->due_ms > now ? first->due_ms - now : 0;

			wait_ms = left > 60000 ? 60000 : (int)left;
		}
		/* one event at a time: its function may end the life of another watch */
		if (epoll_wait(supervisor->epoll_fd, &event, 1, wait_ms) == 1) {
			struct watch *watch = event.data.ptr;

			watch->ready(supervisor, watch);
		}
		run_timers(supervisor);
	}
	return supervisor->result;
}

void supervisor_close(struct supervisor *supervisor)
{
	fd_close(&supervisor->signals.fd);
	fd_close(&supervisor->epoll_fd);
}
