/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_stack.h - profiles laid over each other, as they were written
 */
#pragma once

#include "profile.h"

/**
 * profile_stack() - find, parse, check and merge; speaks. What profile_load() does, but values
 * keep the short form in which they may stand (see schema_normalise())
 * @all: go on after an error, to say all of them, a line each
 *
 * Return: 0 or a negative errno; @profile is empty then
 */
int profile_stack(struct profile *profile, const struct strings *names, const struct strings *sets,
		  bool all);

/**
 * profile_load_part() - profile_load() for a part of a stack, which need not be complete by itself;
 * speaks
 * @names: may be none
 */
int profile_load_part(struct profile *profile, const struct strings *names);

/** profile_describe() - one file by itself, for its description: parsed and checked; speaks */
int profile_describe(const char *path, struct profile *ret_profile);
