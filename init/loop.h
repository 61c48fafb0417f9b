/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.h - a file as a block device
 */
#pragma once

#include "lib/cleanup.h"

struct loop {
	int fd; /* close-on-exec; the device goes when nothing uses it and this is closed */
	char path[24];
};

#define LOOP_EMPTY ((struct loop){ .fd = -1 })

/**
 * loop_attach() - read-only, and released by itself after its last use
 * @file_fd: of the file; may be closed afterwards
 * @name:    what losetup shows
 *
 * Return: 0; -ENOENT or -ENODEV: there is no loop driver; another negative errno. Quiet.
 */
int loop_attach(int file_fd, const char *name, struct loop *loop);

static inline void loop_close(struct loop *loop)
{
	fd_close(&loop->fd);
}
