/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor.h - one event loop for descriptors, deadlines, signals and children
 *
 * It does not care whether its process is PID 1 or the helper beside it. Each object stands in the
 * struct of whoever it belongs to, which must outlive it; functions are called from the loop, one
 * at a time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "machine.h"

/* what glibc calls SIGRTMIN, from which systemd's signals are counted */
#define SIGNAL_SYSTEMD 34

struct supervisor;

/* a descriptor: @ready is called when there is something to read, an exception (EPOLLPRI), or the
 * other side is gone */
struct watch {
	int fd;
	void (*ready)(struct supervisor *supervisor, struct watch *watch);
	void *owner;
};

/* a deadline: fires once after timer_set() */
struct timer {
	uint64_t due_ms;
	void (*fire)(struct supervisor *supervisor, struct timer *timer);
	void *owner;
	bool is_set;
	struct timer *next;
};

/* a child of this process: @ended is called once, with its wait status, after child_add() */
struct child {
	pid_t pid; /* 0: none */
	void (*ended)(struct supervisor *supervisor, struct child *child, int status);
	void *owner;
	struct child *next;
};

struct supervisor {
	struct machine *machine;
	int epoll_fd;
	struct watch signals;
	struct timer *timers;
	struct child *children;
	bool is_ending; /* power-off, or an unsuccessful start: nothing is started any more */
	int result;     /* negative: the loop ends */
	void (*interrupted)(struct supervisor *supervisor, uint32_t signal_number);
	void *owner;
};

/**
 * supervisor_open() - block the signals that the loop reads, and open its descriptors
 *
 * @interrupted (may be NULL) hears of all signals but SIGCHLD that supervisor.c lists, once for
 * each number however often it was sent.
 */
int supervisor_open(struct supervisor *supervisor, struct machine *machine);

/** supervisor_run() - dispatch events until supervisor->result is negative. Return: that */
int supervisor_run(struct supervisor *supervisor);

/** supervisor_close() - close what supervisor_open() opened */
void supervisor_close(struct supervisor *supervisor);

/** watch_add() - for reading, or with @priority for EPOLLPRI only (cgroup.events) */
int watch_add(struct supervisor *supervisor, struct watch *watch, bool priority);

/** watch_remove() - before its descriptor is closed; one that was never added is fine */
void watch_remove(struct supervisor *supervisor, struct watch *watch);

/** timer_set() - fire @after_ms from now, whether it was set or not */
void timer_set(struct supervisor *supervisor, struct timer *timer, uint64_t after_ms);
void timer_clear(struct supervisor *supervisor, struct timer *timer);

/** child_add() - @child's pid has been started */
void child_add(struct supervisor *supervisor, struct child *child);

/** supervisor_reap() - wait for every child that has ended; those that nobody added as well */
void supervisor_reap(struct supervisor *supervisor);
