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

/* ---- sight_line.c ---- */

/** sights_format() - a line each, appended to @text. Quiet. Return: 0; -EINVAL: a path with a
 * line's end in it; -ENOMEM */
int sights_format(const struct sight_list *sights, struct text *text);

/** sights_parse() - what sights_format() wrote; @at is written to. Quiet. Return: 0; -EINVAL: it
 * is none of that; -ENOMEM. @sights is to be freed in any case */
int sights_parse(char *at, struct sight_list *sights);
