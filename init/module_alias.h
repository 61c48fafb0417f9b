/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_alias.h - which modules does a device ask for?
 */
#pragma once

#include "lib/bootplan.h"

#define ALIAS_BUCKETS 128

struct alias_row {
	const char *pattern;
	size_t literal; /* characters before the first wildcard */
	size_t owner;   /* index into the plan's aliases */
};

/* all patterns of a plan, in buckets by what stands before the bus's separator; those with a
 * wildcard before it stand behind the last bucket. Zero-initialised is empty. */
struct alias_index {
	char *characters; /* of all patterns */
	struct alias_row *rows;
	/* bucket i is rows[starts[i]] up to rows[starts[i + 1]] */
	size_t starts[ALIAS_BUCKETS + 2];
};

/** alias_index_build() - Return: 0 or -ENOMEM; the plan's strings are not needed afterwards */
int alias_index_build(struct alias_index *index, const struct bootplan *plan);
void alias_index_free(struct alias_index *index);

/** called with the index of a plan_alias of which a pattern matched; more than once if several did
 */
typedef void alias_function(void *context, size_t owner);

/** alias_match() - call @function for every alias matching @modalias. Return: how many did */
size_t alias_match(const struct alias_index *index, const char *modalias, alias_function *function,
		   void *context);
