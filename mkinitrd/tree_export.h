/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_export.h - what the commands that write a tree share
 */
#pragma once

#include <time.h>

#include "build.h"

/* entries to be written, and how much that is */
struct export_list {
	struct entry **entries; /* of the manifest */
	size_t count;
	uint64_t content; /* bytes, as they were seen */
};

#define EXPORT_LIST_EMPTY ((struct export_list){ 0 })

void export_free(struct export_list *list);

/** export_add() - one more. Return: 0 or -ENOMEM */
int export_add(struct export_list *list, struct entry *entry);

/** export_list_all() - every entry, in the manifest's order; speaks */
int export_list_all(const struct manifest *manifest, struct export_list *ret_list);

/** export_path() - -o, else ./PROFILE with @ending; speaks */
int export_path(const struct build *build, const char *ending, char **ret_path);

/** export_summary() - what was made, in a line; on -o - too, which has the other stream */
void export_summary(const char *path, const struct export_list *list, uint64_t size,
		    const struct timespec *start);

/** export_no_profile() - say that -p is missing. Return: EXIT_USAGE */
int export_no_profile(const char *command);
