/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h - resource limits by name
 */
#pragma once

#include <stdint.h>

#include "lib/text.h"

#define LIMIT_NOFILE 1048576ull /* what dockerd and its containers get when nobody says */

/**
 * limit_set() - the limit of this process and its children, soft and hard
 * @name:  as in prlimit(1): "nofile"
 * @value: UINT64_MAX is infinity. nofile is clamped to fs.nr_open, with a warning
 * @details: "NAME=VALUE" of what was set is appended; may be NULL
 *
 * Return: 0; -EINVAL: no such limit; -EPERM: the hard limit is lower, and raising it needs
 * CAP_SYS_RESOURCE
 */
int limit_set(const char *name, uint64_t value, struct text *details);

/** limit_get() - the hard limit, UINT64_MAX for infinity. Return: 0, or -EINVAL: no such limit */
int limit_get(const char *name, uint64_t *ret_value);

/** limit_nofile_most() - fs.nr_open, beyond which nofile cannot go; UINT64_MAX: nobody says */
uint64_t limit_nofile_most(void);
