/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process.c - programs that take part in a build (see process.h)
 *
 * In:    an argument list
 * Out:   how it ended, what it printed
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "process.h"

int process_collect(int fd, struct text *ret_output)
{
	char bytes[4096];
	ssize_t count;

	while ((count = read(fd, bytes, sizeof(bytes))) != 0) {
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		/* the end says most: the beginning goes */
		if (ret_output->length + (size_t)count > OUTPUT_MOST) {
			size_t gone = ret_output->length + (size_t)count - OUTPUT_MOST;

			memmove(ret_output->data, ret_output->data + gone,
				ret_output->length - gone);
			ret_output->length -= gone;
		}
		text_add_bytes(ret_output, bytes, (size_t)count);
	}
	return ret_output->failed ? -ENOMEM : 0;
}

static _Noreturn void child(char *const *argv, const char *const *environment, int stdout_fd,
			    int output_fd, int error_fd)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int error;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (; environment && environment[0]; environment += 2)
		(void)setenv(environment[0], environment[1], 1);
	if (null_fd >= 0 && dup2(null_fd, 0) >= 0 &&
	    dup2(stdout_fd >= 0 ? stdout_fd : output_fd, 1) >= 0 && dup2(output_fd, 2) >= 0)
		(void)execvp(argv[0], argv);
	error = errno;
	(void)!write(error_fd, &error, sizeof(error));
	_exit(127);
}

int process_run(char *const *argv, const char *const *environment, int stdout_fd,
		struct text *ret_output, int *ret_status)
{
	int output[2], start[2], error = 0, r;
	pid_t pid;

	if (pipe2(output, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(start, O_CLOEXEC) < 0) {
		r = -errno;
		(void)close(output[0]);
		(void)close(output[1]);
		return r;
	}
	pid = fork();
	if (pid == 0)
		child(argv, environment, stdout_fd, output[1], start[1]);
	r = pid < 0 ? -errno : 0;
	(void)close(output[1]);
	(void)close(start[1]);
	if (r == 0 && read(start[0], &error, sizeof(error)) == (ssize_t)sizeof(error))
		r = -error;
	if (pid > 0) {
		int collected = process_collect(output[0], ret_output);

		while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
			;
		r = r < 0 ? r : collected;
	}
	(void)close(output[0]);
	(void)close(start[0]);
	return r;
}

void process_show(const struct text *output)
{
	const char *at = text_string(output);
	size_t left = output->length;

	while (left) {
		ssize_t count = write(2, at, left);

		if (count <= 0)
			return;
		at += count;
		left -= (size_t)count;
	}
	if (output->length && output->data[output->length - 1] != '\n')
		(void)!write(2, "\n", 1);
}

void process_describe(int status, struct text *text)
{
	if (WIFSIGNALED(status))
		text_format(text, "was killed by signal %d", WTERMSIG(status));
	else
		text_format(text, "ended with status %d", WEXITSTATUS(status));
}
