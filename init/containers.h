/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers.h - containers as the kernel shows them, without asking Docker
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "stop_wishes.h"

struct container_count {
	size_t asked;  /* got a signal that they take */
	size_t killed; /* at once, or when their time was over */
	size_t stuck;  /* killed, and still there */
};

/**
 * containers_end() - to the first process of every container its signal, SIGKILL after its time
 * @end_ms:  the end of everybody's time
 * @kill_ms: how long killed ones may take to be gone
 *
 * While it waits, a line now and then says for how many, and how long. No container is fine.
 * Return: 0, or -EBUSY when something is still there
 */
int containers_end(const struct stop_wishes *wishes, uint64_t end_ms, uint64_t kill_ms,
		   struct container_count *ret_count);

/** containers_running() - how many there are that have a process */
size_t containers_running(void);

/** container_name_is() - does a cgroup's name end as a container's does, in 64 hex digits? */
bool container_name_is(const char *cgroup);

/* what /proc/PID/status says about a process and its PID namespaces */
struct container_process {
	unsigned depth; /* of PID namespaces, 1: none but the first */
	bool is_first;  /* process 1 in the innermost one */
	uint64_t takes; /* signals that it has a handler for, or waits for blocked; SIGHUP: bit 0 */
};

/** container_process_parse() - @status is the text of /proc/PID/status. Return: 0 or -EINVAL */
int container_process_parse(const char *status, struct container_process *process);
