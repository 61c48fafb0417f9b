/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.c - what a child prints, line by line, and the last of it
 *
 * In:    the read end of a pipe
 * Out:   calls of the line function; the last lines, for when the child fails
 * Not:   where lines go (output_sink.c)
 * Facts: a record of the kernel log takes less than 1 KiB: longer lines are cut into several
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "output.h"
#include "output_sink.h"

#define CONTINUATION "... "

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

static void say_dropped(struct output *output)
{
	if (output->dropped > 0)
		(void)log_line(LOG_WARNING, 0, "%s: %u lines dropped: more than %d in %d s",
			       output->name, output->dropped, OUTPUT_WINDOW_LINES,
			       OUTPUT_WINDOW_MS / 1000);
	output->dropped = 0;
	output->in_window = 0;
}

static void window_ends(struct supervisor *supervisor, struct timer *timer)
{
	(void)supervisor;
	say_dropped(timer->owner);
}

/* one more line: may it pass? */
static bool passes(struct output *output)
{
	if (output_sink_is_file())
		return true;
	if (!output->window.is_set)
		timer_set(output->supervisor, &output->window, OUTPUT_WINDOW_MS);
	if (output->in_window < OUTPUT_WINDOW_LINES) {
		output->in_window++;
		return true;
	}
	output->dropped++;
	return false;
}

void output_log(struct output *output, const char *line)
{
	int r = passes(output) ? output_sink_write(output->name, line_level(line), line) : 0;

	if (r < 0)
		(void)log_line(LOG_WARNING, r, "%s: a line is lost: %s", output->name,
			       strerror(-r));
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

/* more than a record takes: a piece of it ends before @next, and not within a character of UTF-8 */
static void line_cut(struct output *output, char next)
{
	size_t whole = output->length;
	char rest[4];
	size_t rest_length;

	if ((next & 0xc0) == 0x80)
		while (output->length - whole < sizeof(rest) - 1 &&
		       (output->buffer[--whole] & 0xc0) == 0x80)
			;
	rest_length = output->length - whole;
	memcpy(rest, output->buffer + whole, rest_length);
	output->length = whole;
	line_end(output);
	output->length = strlen(CONTINUATION);
	memcpy(output->buffer, CONTINUATION, output->length);
	memcpy(output->buffer + output->length, rest, rest_length);
	output->length += rest_length;
}

static void add_bytes(struct output *output, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == '\n' || bytes[i] == '\0') {
			line_end(output);
			continue;
		}
		if (output->length == OUTPUT_LINE_BYTES)
			line_cut(output, bytes[i]);
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

int output_watch(struct output *output, struct supervisor *supervisor, int read_fd)
{
	output->watch = (struct watch){ .fd = read_fd, .ready = output_ready, .owner = output };
	output->supervisor = supervisor;
	output->window = (struct timer){ .fire = window_ends, .owner = output };
	/* only our end: a program may not expect that its output is not blocking */
	if (fcntl(read_fd, F_SETFL, O_RDONLY | O_NONBLOCK) < 0)
		return -errno;
	return watch_add(supervisor, &output->watch, false);
}

int output_open(struct output *output, struct supervisor *supervisor)
{
	int pipe_fds[2];

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	output->write_fd = pipe_fds[1];
	return output_watch(output, supervisor, pipe_fds[0]);
}

void output_drain(struct output *output)
{
	/* bounded: a grandchild may go on printing */
	for (int i = 0; i < 256 && output->watch.fd >= 0 && read_some(output); i++)
		;
	line_end(output);
	say_dropped(output);
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
	timer_clear(supervisor, &output->window);
	say_dropped(output);
	fd_close(&output->watch.fd);
	fd_close(&output->write_fd);
	output_forget(output);
	output->length = 0;
}
