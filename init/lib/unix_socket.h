/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unix_socket.h - connect to a socket in the file system
 */
#pragma once

/**
 * unix_connect() - a connected descriptor, close-on-exec
 * @type: SOCK_STREAM or SOCK_SEQPACKET, and SOCK_NONBLOCK when wanted
 *
 * Quiet. Return: 0, -ENAMETOOLONG, or the negative errno of socket(2) or connect(2); -EAGAIN means
 * that somebody listens and the queue is full
 */
int unix_connect(const char *path, int type, int *ret_fd);
