/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_program.c - run a program to its end, for steps that cannot go on without
 *
 * In:    what to run, how long it may take
 * Out:   its status and the last that it printed
 * Not:   what lives longer than a step (supervisor.c)
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "log.h"
#include "run_program.h"
#include "spawn.h"

#define REPORT_MS 10000
#define END_MS 5000
#define WORDS_BYTES 4096

/* what is there now. Return: 0 at the end of it */
static ssize_t take_words(int fd, struct text *words)
{
	char buffer[1024];
	ssize_t count = read(fd, buffer, sizeof(buffer));

	if (count <= 0 || !words)
		return count;
	for (ssize_t i = 0; i < count; i++)
		if (buffer[i] == '\0')
			buffer[i] = ' ';
	text_add_bytes(words, buffer, (size_t)count);
	if (words->length > WORDS_BYTES) {
		size_t gone = words->length - WORDS_BYTES;

		memmove(words->data, words->data + gone, WORDS_BYTES + 1);
		words->length = WORDS_BYTES;
	}
	return count;
}

/* until it ended or @until_ms. Return: whether it ended */
static bool wait_until(int pidfd, int *output_fd, struct text *words, uint64_t until_ms)
{
	for (uint64_t now; (now = clock_ms()) < until_ms;) {
		struct pollfd files[] = {
			{ .fd = pidfd, .events = POLLIN },
			{ .fd = *output_fd, .events = POLLIN },
		};

		if (poll(files, COUNT_OF(files), (int)(until_ms - now)) <= 0)
			continue;
		if (files[1].revents && take_words(*output_fd, words) <= 0)
			fd_close(output_fd);
		/* what it has left running may hold the pipe open, and says nothing */
		else if (!files[1].revents && files[0].revents)
			return true;
	}
	return false;
}

int program_run(const struct program_run *run, int *ret_status)
{
	CLEANUP(fd_close) int output_fd = -1;
	CLEANUP(fd_close) int write_fd = -1;
	CLEANUP(fd_close) int pidfd = -1;
	uint64_t start = clock_ms(), end = start + run->most_ms;
	struct spawn how = { .argv = run->argv };
	bool has_ended = false;
	int pipe_fds[2];
	pid_t pid;
	int r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	output_fd = pipe_fds[0];
	how.output = how.error = write_fd = pipe_fds[1];
	r = spawn(&how, &pid);
	fd_close(&write_fd);
	if (r < 0)
		return r;
	pidfd = pidfd_open(pid, 0);
	for (uint64_t next = start; pidfd >= 0 && !has_ended && next < end;) {
		next = next + REPORT_MS < end ? next + REPORT_MS : end;
		has_ended = wait_until(pidfd, &output_fd, run->words, next);
		if (!has_ended)
			(void)log_line(LOG_WARNING, 0, "%s for %llu s", run->doing,
				       (unsigned long long)((clock_ms() - start) / 1000));
	}
	if (!has_ended && pidfd >= 0) {
		(void)kill(pid, SIGTERM);
		r = -ETIMEDOUT;
		has_ended = wait_until(pidfd, &output_fd, run->words, clock_ms() + END_MS);
	}
	if (!has_ended)
		(void)kill(pid, SIGKILL);
	/* one that the kernel holds in a read of a dead disk cannot be waited for */
	if (!has_ended && pidfd >= 0 &&
	    !wait_until(pidfd, &output_fd, run->words, clock_ms() + END_MS))
		return -ETIMEDOUT;
	if (waitpid(pid, ret_status, 0) < 0)
		return -errno;
	return r;
}

void program_words(const struct text *words, size_t most, struct text *line)
{
	size_t start = words->length > most ? words->length - most : 0, before = line->length;

	/* not from within a word, where there is another */
	while (start > 0 && start < words->length && !isspace((unsigned char)words->data[start]))
		start++;
	for (size_t i = start; i < words->length; i++) {
		bool is_blank = isspace((unsigned char)words->data[i]);

		if (!is_blank)
			text_add_char(line, words->data[i]);
		else if (line->length > before && line->data[line->length - 1] != ' ')
			text_add_char(line, ' ');
	}
	if (line->length == before)
		text_add(line, "it said nothing");
}
