/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_folder.h - a directory that appears whole or not at all
 *
 * It is filled as ".NAME.XXXXXX" beside its target, and changes places with it at the end. It is
 * removed on failure, and on SIGINT, SIGTERM and SIGHUP, for which whoever fills it asks
 * output_folder_check(); what a process left that was killed otherwise is removed by the next one.
 */
#pragma once

#include "../init/lib/text.h"

struct output_folder {
	int parent_fd;
	int fd;          /* the directory, mode 0700 */
	char *path;      /* as the user gave it, without '/' at its end, for messages */
	char *name;      /* in its parent */
	char *temporary; /* the same; NULL: there is none (any more) */
	bool replaces;   /* a directory stands there now */
};

#define OUTPUT_FOLDER_EMPTY ((struct output_folder){ .parent_fd = -1, .fd = -1 })

/** output_folder_open() - check the target and make the directory; speaks
 * @is_forced: a target that is a directory with something in it is replaced; else an error */
int output_folder_open(struct output_folder *folder, const char *path, bool is_forced);

/** output_folder_check() - -EINTR when a signal asked to end; quiet */
int output_folder_check(void);

/** output_folder_publish() - all of it onto the disk, and in place; what stood there is removed;
 * speaks */
int output_folder_publish(struct output_folder *folder);

/** output_folder_close() - remove it unless it was published, and end as a signal asked for; for
 * CLEANUP */
void output_folder_close(struct output_folder *folder);
