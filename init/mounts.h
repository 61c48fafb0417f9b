/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts.h - mount points, for several steps
 */
#pragma once

#include "lib/bootplan.h"

/** mounts_log() - rd.debug, which is known only when /proc is there: a line for each mount */
void mounts_log(void);

/** mounts_resize() - what the plan says about the sizes of /run, /tmp and /dev/shm; failures are
 * logged, and the mount keeps the size that it has */
void mounts_resize(const struct bootplan *plan);

/** mounts_share() - make "/" and all below it shared, so that containers may have shared and slave
 * binds. After the re-root only: before it, pivot_root(2) would fail. Return: 0 or -errno */
int mounts_share(void);
