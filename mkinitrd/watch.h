/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch.h - what a build looked at, and how it was then
 *
 * A root that has a watch (struct sysroot) tells it of each path that is looked up in it: what was
 * there and what was not, because both decide what an image holds. The files beside the root,
 * profiles and mkinitrd's own, are added by name. Of a file that was opened size, times and inode
 * count, and its content when these differ; of a folder that was listed its names; of what was only
 * looked at type, mode and owner; of a symlink where it points.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "../init/lib/text.h"

#define SIGHT_HEX_SIZE 65              /* SHA-256 as text */
#define WATCH_PROGRAM "/proc/self/exe" /* mkinitrd itself, wherever it lies */

enum sight_kind {
	SIGHT_FILE,   /* was read: all of its status, then its content */
	SIGHT_FOLDER, /* was listed: all of its status, then its names */
	SIGHT_LOOK,   /* was looked at: type, mode, owner */
	SIGHT_LINK,   /* a symlink: its target */
	SIGHT_ABSENT, /* was not there */
};

/* one of them */
struct sight {
	enum sight_kind kind;
	bool is_host; /* @path is of this host, not of the root */
	char *path;
	uint64_t inode, size;
	int64_t mtime, ctime; /* nanoseconds */
	uint32_t mode, uid, gid;
	char sha256[SIGHT_HEX_SIZE]; /* content, names or target; "": not known */
};

struct sight_list {
	struct sight *items;
	size_t count;
};

void sight_list_free(struct sight_list *sights);

struct watch;
struct build;
struct sysroot;

/** watch_new() - @since: when the first of what counts was read, CLOCK_REALTIME_COARSE in
 * nanoseconds: what changed later cannot be proved, and never holds */
struct watch *watch_new(int64_t since);
void watch_free(struct watch *watch);
static inline void watch_cleanup(struct watch **watch)
{
	watch_free(*watch);
	*watch = NULL;
}

/** watch_opened() - @path was opened in the root with @flags, with @result (descriptor or -errno);
 * from any thread; @watch may be NULL. Quiet */
void watch_opened(struct watch *watch, const char *path, int flags, int result);

/** watch_absent() - the same for what was found missing without being opened */
void watch_absent(struct watch *watch, const char *path);

/** watch_host() - a path of this host as it is now: a file, a folder, or nothing */
void watch_host(struct watch *watch, const char *path);

/** watch_build() - what of a finished build does not pass through its root: profiles, their
 * folders, mkinitrd's own files, all that was packed with what it was hashed to; quiet. Return: 0,
 * -ENOMEM, or -EXDEV when something was packed of which it cannot be told whether it changed */
int watch_build(struct watch *watch, const struct build *build);

/** watch_take() - all of it, contents hashed; the caller frees it; quiet. @root: where it was seen
 */
int watch_take(struct watch *watch, const struct sysroot *root, struct sight_list *ret_sights);

/**
 * sight_is_as_seen() - has it the status that was taken of it? Quiet
 */
bool sight_is_as_seen(const struct sight *sight, const struct sysroot *root);

/**
 * sight_holds() - is it still so? Quiet
 * @ret_is_renewed: set when the status differs and the content does not; @sight has the new one
 */
bool sight_holds(struct sight *sight, const struct sysroot *root, bool *ret_is_renewed);
