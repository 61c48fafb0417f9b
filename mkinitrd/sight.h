/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sight.h - one thing that a build looked at, held against what is there now; quiet
 */
#pragma once

#include "sysroot.h"
#include "watch.h"

/** sight_take_status() - what of a status counts for @sight's kind */
void sight_take_status(struct sight *sight, const struct stat *status);

/** sight_hash() - content, names or target as they are now; "" when they cannot be read */
void sight_hash(struct sight *sight, const struct sysroot *root);
