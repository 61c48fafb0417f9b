/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_find.h - from the name of a profile to its files
 */
#pragma once

#include "profile.h"

/* one file of a profile */
struct profile_file {
	char *path;
	const char *label; /* for origins: lives as long as the process */
};

/* a profile's files: its own, then its drop-ins in order */
struct profile_files {
	char *name; /* without folder and ".yaml" */
	struct profile_file *items;
	size_t count;
};

#define PROFILE_FILES_EMPTY ((struct profile_files){ 0 })

void profile_files_free(struct profile_files *files);

/**
 * profile_find() - the files of a profile; speaks
 * @reference: a path (it holds a '/' or ends in ".yaml") or a name for the profile folders
 * @by:        where it is named in a file, beside which a relative path is looked up; or NULL
 *
 * A path means that file and the drop-ins beside it; a name, the first file in the profile folders
 * and the drop-ins in all of them, where of two with one file name that of the first folder counts.
 */
int profile_find(const char *reference, const struct origin *by, struct profile_files *ret_files);

/** profile_names() - the names of the profiles in one folder, sorted; quiet, none when unreadable
 */
int profile_names(const char *folder, struct strings *ret_names);
