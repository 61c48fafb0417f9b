/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_pull.c - an image from a registry, by the docker CLI, which knows registries and their
 * credentials
 *
 * In:    the CLI, an image's name
 * Out:   the image in Docker, or the CLI's last words
 * Not:   which image (agent_console.c, agent_declared.c)
 * Facts: docker pull: Docker's manual
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "agent_docker.h"

#define PULL_MS (30u * 60 * 1000)

/* the last line that @fd gives before its end. Return: 0, or -ETIMEDOUT */
static int last_line(int fd, uint64_t end_ms, struct text *line)
{
	CLEANUP(text_free) struct text current = TEXT_EMPTY;

	for (;;) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		uint64_t now_ms = http_clock_ms();
		char buffer[1024];
		ssize_t count;

		if (now_ms >= end_ms)
			return -ETIMEDOUT;
		if (poll(&pollfd, 1, (int)(end_ms - now_ms)) <= 0)
			continue;
		count = read(fd, buffer, sizeof(buffer));
		if (count <= 0)
			break;
		for (ssize_t i = 0; i < count; i++) {
			if (buffer[i] != '\n') {
				if (current.length < sizeof(buffer))
					text_add_char(&current, buffer[i]);
				continue;
			}
			if (current.length > 0) {
				text_clear(line);
				text_add(line, text_string(&current));
			}
			text_clear(&current);
		}
	}
	if (current.length > 0) {
		text_clear(line);
		text_add(line, text_string(&current));
	}
	return 0;
}

int docker_pull(const struct docker *docker, const char *client, const char *image, bool is_quiet,
		struct text *reason)
{
	CLEANUP(text_free) struct text host = TEXT_EMPTY, said = TEXT_EMPTY;
	CLEANUP(fd_close) int read_fd = -1;
	CLEANUP(fd_close) int write_fd = -1;
	int pipe_fds[2], status = 0, r;
	pid_t pid;

	text_format(&host, "--host=unix://%s", docker->socket_path);
	if (host.failed)
		return -ENOMEM;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (dup2(write_fd, STDERR_FILENO) >= 0 &&
		    (!is_quiet || dup2(write_fd, STDOUT_FILENO) >= 0))
			(void)execl(client, client, text_string(&host), "pull", image, NULL);
		_exit(127);
	}
	fd_close(&write_fd);
	r = last_line(read_fd, http_clock_ms() + PULL_MS, &said);
	if (r < 0)
		(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	if (r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (r < 0)
		text_format(reason, "not done after %u minutes", PULL_MS / 60000);
	else if (said.length > 0)
		text_add(reason, text_string(&said));
	else
		text_format(reason, "'%s pull' ended with wait status %d", client, status);
	return r < 0 ? r : -EIO;
}
