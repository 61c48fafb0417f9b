/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.h - a private folder for what is unpacked on the way into an image
 *
 * It lies below $TMPDIR (else /var/tmp, else /tmp), mode 0700, and goes when the process ends,
 * however it ends: a child that outlives it removes it.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "../init/lib/text.h"

struct spool {
	int fd;      /* the folder */
	char *path;  /* of it */
	int life_fd; /* closed when this process ends: then the folder goes */
	pid_t janitor;
	uint64_t names;   /* given out so far */
	uint64_t written; /* bytes since free space was looked at */
};

#define SPOOL_EMPTY ((struct spool){ .fd = -1, .life_fd = -1 })

/** spool_open() - make the folder; speaks. Before the process has threads */
int spool_open(struct spool *spool);

/** spool_close() - remove it with all that is in it, and wait for that */
void spool_close(struct spool *spool);

/** spool_file() - a new empty file in it; quiet
 * @ret_name: its name in the folder; the caller frees it. Return: a descriptor, or -errno */
int spool_file(struct spool *spool, char **ret_name);

/**
 * spool_write() - bytes into one of its files at @offset, what is skipped stays a hole; quiet
 *
 * Return: 0, -ENOSPC also when less than 64 MB would stay free, or another -errno
 */
int spool_write(struct spool *spool, int fd, const void *bytes, size_t count, uint64_t offset);

/** remove_all() - a directory's content, not following symlinks, not leaving its file system; as
 * much of it as can be removed. Quiet */
void remove_all(int directory_fd);
