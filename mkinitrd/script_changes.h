/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script_changes.h - what scripts have changed, for resolve_scripts.c
 */
#pragma once

#include <stdio.h>

#include "resolve.h"
#include "script.h"

struct script_wish {
	struct script script;
	const struct value *value;
	struct origin at;
};

struct scripts_run {
	struct resolve *resolve;
	struct script_wish *wishes;
	size_t count;
	int folder_fd;  /* of the tree as files */
	int results_fd; /* what was changed */
};

/** script_changes_put() - a line for each difference of @before and @now, which script number
 * @index has made; speaks. Return: 0 or -errno */
int script_changes_put(const struct scripts_run *run, size_t index, const struct sights *before,
		       const struct sights *now);

/** script_changes_take() - the lines of all scripts, in order, into the manifest; speaks. Return: 0
 * or -errno */
int script_changes_take(const struct scripts_run *run, FILE *results);
