/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - a file as a block device
 *
 * In:    an open file
 * Out:   a loop device
 * Not:   loading its driver (root_image.c), releasing devices at the end (release.c)
 * Facts: loop(4); LOOP_CONFIGURE came with kernel 5.8: kernel include/uapi/linux/loop.h
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "loop.h"

/* another program may take the free device first */
#define MOST_TRIES 16

static int configure(int control_fd, const struct loop_config *config, struct loop *loop)
{
	int number = ioctl(control_fd, LOOP_CTL_GET_FREE);

	if (number < 0)
		return -errno;
	(void)snprintf(loop->path, sizeof(loop->path), "/dev/loop%d", number);
	loop->fd = open(loop->path, O_RDONLY | O_CLOEXEC);
	if (loop->fd < 0)
		return -errno;
	if (ioctl(loop->fd, LOOP_CONFIGURE, config) == 0)
		return 0;
	number = -errno;
	fd_close(&loop->fd);
	return number;
}

int loop_attach(int file_fd, const char *name, struct loop *loop)
{
	CLEANUP(fd_close) int control_fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	struct loop_config config = {
		.fd = (unsigned)file_fd,
		.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR,
	};
	int r = -EBUSY;

	*loop = LOOP_EMPTY;
	if (control_fd < 0)
		return -errno;
	(void)snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s",
		       name);
	for (int i = 0; r == -EBUSY && i < MOST_TRIES; i++)
		r = configure(control_fd, &config, loop);
	return r;
}
