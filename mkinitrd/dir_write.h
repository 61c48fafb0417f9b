/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir_write.h - entries of a manifest as files below a directory, and read back
 */
#pragma once

#include "output_folder.h"
#include "tree_export.h"

/* what this user, or this file system, cannot keep: how often */
struct dir_lost {
	size_t owners, devices, attributes;
};

struct dir_job {
	const struct export_list *list;
	int top_fd; /* an empty directory */
	int64_t mtime;
	bool has_end;      /* the last of it is the empty file that says that nothing is missing */
	bool is_forced;    /* what cannot be kept is left out, and counted */
	const char *label; /* what messages call the directory, with quotes */
	uint64_t done;     /* bytes of content so far, for the progress line */
	struct dir_lost lost;
};

/** dir_check() - before anything is written: whether this user can keep all of it; speaks. Return:
 * 0, also with is_forced, or -EPERM */
int dir_check(const struct dir_job *job);

/** dir_write() - all of it; owners, modes and times of directories at the end; speaks */
int dir_write(struct dir_job *job);

/** dir_verify() - what is there against the entries, and that there is nothing else; speaks */
int dir_verify(struct dir_job *job);

/** dir_say_lost() - a warning when something was left out */
void dir_say_lost(const struct dir_job *job);
