/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c - what a child prints, line by line, and the last of it
 *
 * In:    the read end of a pipe
 * Out:   calls of the line function; the last lines, for when the child fails
 * Facts: a record of the kernel log takes less than 1 KiB: longer lines are cut into several
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "output.h"

/* What calls itself debug or information (containerd's shims do, whatever containerd is told) stays
 * in the log, but off a console where people work. The field is logrus's, of all Docker programs.
 */
static enum log_level line_level(const char *line)
{
	const char *level = strstr(line, "level=");

	return level && (text_after(level, "level=info ") || text_after(level, "level=debug "))
		       ? LOG_DEBUG
		       : LOG_INFO;
}

void output_log(struct output *output, const char *line)
{
	char record[OUTPUT_LINE_BYTES + 64];
	int length = snprintf(record, sizeof(record), "<%d>%.40s: %s\n", (int)line_level(line),
			      output->name, line);

	if (length > 0 && write(log_fd(), record, strlen(record)) < 0)
		(void)log_line(LOG_DEBUG, -errno, "%s: a line is lost: %s", output->name,
			       strerror(errno));
}

static void line_end(struct output *output)
{
	size_t slot = output->count % OUTPUT_LAST_LINES;

	while (output->length > 0 && output->buffer[output->length - 1] == '\r')
		output->length--;
	output->buffer[output->length] = '\0';
	for (char *character = output->buffer; *character; character++)
		if ((unsigned char)*character < ' ' || *character == 0x7f)
			*character = ' ';
	if (output->length == 0)
		return;
	output->length = 0;
	free(output->last[slot]);
	output->last[slot] = strdup(output->buffer);
	output->count++;
	if (output->line)
		output->line(output, output->buffer);
}

static void add_bytes(struct output *output, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == '\n' || bytes[i] == '\0') {
			line_end(output);
			continue;
		}
		if (output->length == OUTPUT_LINE_BYTES)
			line_end(output);
		output->buffer[output->length++] = bytes[i];
	}
}

/* Return: whether there was something */
static bool read_some(struct output *output)
{
	char bytes[4096];
	ssize_t count = read(output->watch.fd, bytes, sizeof(bytes));

	if (count > 0)
		add_bytes(output, bytes, (size_t)count);
	return count > 0 || (count < 0 && errno == EINTR);
}

static void output_ready(struct supervisor *supervisor, struct watch *watch)
{
	(void)supervisor;
	(void)read_some(watch->owner);
}

int output_open(struct output *output, struct supervisor *supervisor)
{
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	output->watch = (struct watch){ .fd = pipe_fds[0], .ready = output_ready, .owner = output };
	output->write_fd = pipe_fds[1];
	/* only our end: a program may not expect that its output is not blocking */
	if (fcntl(pipe_fds[0], F_SETFL, O_RDONLY | O_NONBLOCK) < 0)
		return -errno;
	return watch_add(supervisor, &output->watch, false);
}

void output_drain(struct output *output)
{
	/* bounded: a grandchild may go on printing */
	for (int i = 0; i < 256 && output->watch.fd >= 0 && read_some(output); i++)
		;
	line_end(output);
}

size_t output_last_count(const struct output *output)
{
	return output->count < OUTPUT_LAST_LINES ? output->count : OUTPUT_LAST_LINES;
}

const char *output_last(const struct output *output, size_t index)
{
	size_t first = output->count - output_last_count(output);
	const char *line = output->last[(first + index) % OUTPUT_LAST_LINES];

	return line ? line : "";
}

void output_forget(struct output *output)
{
	for (size_t i = 0; i < OUTPUT_LAST_LINES; i++)
		memory_free(&output->last[i]);
	output->count = 0;
}

void output_close(struct output *output, struct supervisor *supervisor)
{
	watch_remove(supervisor, &output->watch);
	fd_close(&output->watch.fd);
	fd_close(&output->write_fd);
	output_forget(output);
	output->length = 0;
}
