/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unix_socket.c - connect to a socket in the file system (see unix_socket.h)
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"
#include "unix_socket.h"

int unix_connect(const char *path, int type, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	CLEANUP(fd_close) int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = fd_take(&fd);
	return 0;
}
