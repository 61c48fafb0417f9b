/* SPDX-License-Identifier: Apache-2.0 */
/*
 * containers.h - containers as the kernel shows them, without asking Docker
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct container_count {
	size_t asked, killed;
};

/**
 * containers_end() - SIGTERM for the first process of every container, then SIGKILL
 * @end_ms:  until when those that were asked may take their time
 * @kill_ms: how long killed ones may take to be gone
 *
 * No container is fine. Return: 0, or -EBUSY when something is still there
 */
int containers_end(uint64_t end_ms, uint64_t kill_ms, struct container_count *ret_count);

/** container_name_is() - does a cgroup's name end as a container's does, in 64 hex digits? */
bool container_name_is(const char *cgroup);

/* what /proc/PID/status says about a process and its PID namespaces */
struct container_process {
	unsigned depth;     /* of PID namespaces, 1: none but the first */
	bool is_first;      /* process 1 in the innermost one */
	bool takes_sigterm; /* has a handler for SIGTERM, or waits for it blocked */
};

/** container_process_parse() - @status is the text of /proc/PID/status. Return: 0 or -EINVAL */
int container_process_parse(const char *status, struct container_process *process);
