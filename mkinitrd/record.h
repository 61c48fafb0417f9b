/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - of what an image was made, and for whom: /var/lib/mkinitrd/images/NAME@KVER
 *
 * And what could not be made: /var/lib/mkinitrd/failed.
 */
#pragma once

#include "sysroot.h"
#include "watch.h"

#define STATE_FOLDER "/var/lib/mkinitrd"
#define RECORDS_FOLDER STATE_FOLDER "/images"
#define FAILED_FILE STATE_FOLDER "/failed"

struct record {
	char *name, *release;     /* of the definition, of the kernel */
	char *base;               /* the kernel's package base; "" none */
	char *output;             /* the image, as seen on the host */
	char *title;              /* of boot entries */
	char *cmdline;            /* the kernel's, for boot entries */
	char *entry;              /* the boot entry's file; "" none */
	char *copy;               /* the copy of the kernel that we made; "" none */
	char *doubt;              /* why it cannot be told whether it is up to date; "" nothing */
	bool has_entry;           /* boot loaders may list it */
	uint64_t inode, size;     /* of the image */
	int64_t mtime;            /* nanoseconds */
	int64_t made;             /* seconds since 1970 */
	struct sight_list sights; /* not read by records_load() */
};

struct records {
	struct record *items; /* sorted by name, then version */
	size_t count;
};

void record_free(struct record *record);
void records_free(struct records *records);

/** records_load() - all of the host below @root, without their sights; speaks. One that cannot be
 * read is said and left out: then only --force makes its image again */
int records_load(const struct sysroot *root, struct records *ret_records);

/** record_find() - or NULL */
struct record *record_find(const struct records *records, const char *name, const char *release);

/** record_save() - whole or not at all; speaks. @prefix: of the host's paths */
int record_save(const char *prefix, const struct record *record);

/** state_folder_make() - a folder of ours, which everybody may read: who has not our rights wants
 * to see the state, too; quiet */
int state_folder_make(const char *path);

/** record_remove() - the file; quiet */
int record_remove(const char *prefix, const struct record *record);

/**
 * record_judge() - is the image still what would be made? Quiet
 * @ret_why: what changed: "'/usr/bin/dockerd' has changed"; "" it is up to date
 *
 * What has another status and the same content is written into the record anew; with @prefix NULL,
 * of who has no lock, nothing is written.
 */
int record_judge(const char *prefix, const struct sysroot *root, struct record *record,
		 struct text *ret_why);

/* ---- what failed ---- */

struct failure {
	char *name, *release, *why, *kept;
	int64_t at; /* seconds since 1970 */
};

struct failures {
	struct failure *items;
	size_t count;
};

void failures_free(struct failures *failures);
int failures_load(const struct sysroot *root, struct failures *ret_failures);

/** failures_set() - remember that @name failed for @release, or with @why NULL that it did not;
 * @release NULL: for any; @name NULL: all of @release; speaks */
int failures_set(const char *prefix, const struct sysroot *root, const char *name,
		 const char *release, const char *why, const char *kept);
