/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - lines in the kernel log (see log.h)
 *
 * In:    formatted lines, from any thread
 * Out:   one write(2) to /dev/kmsg for each; to stderr when there is no /dev/kmsg, or in a
 * container Not:   the lines of steps (steps.c) Facts: a write of more than LOG_LINE_MAX (976
 * in 6.1) is refused with EINVAL, and bursts are dropped unless printk_devkmsg is "on": kernel
 * Documentation/admin-guide/sysctl/kernel.rst, kernel/printk/printk.c
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "lib/file.h"
#include "lib/text.h"
#include "log.h"

#define LINE_BYTES 960
#define KEPT_LINES 16

/* the log sink: the one global of init */
static struct {
	int fd;
	const char *name;     /* of a program other than init, whose lines have no priority */
	enum log_level least; /* its lines that count less are dropped */
	bool is_open;         /* lines are written at once, no longer kept */
	bool is_console;      /* no kernel log: nobody takes the priority off a line */
	bool with_debug;
	char *kept[KEPT_LINES];
	size_t kept_count;
} sink = { .fd = -1 };

uint64_t clock_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_ms(void)
{
	return clock_us() / 1000;
}

/* without the "<3>" of its priority */
static int console_write(int fd, const char *line)
{
	if (line[0] == '<' && line[1] && line[2] == '>')
		line += 3;
	return file_write_fd(fd, line, strlen(line));
}

int log_write(const char *record)
{
	if (sink.is_console)
		return console_write(sink.fd, record);
	return write(sink.fd, record, strlen(record)) < 0 ? -errno : 0;
}

static void sink_write(const char *line)
{
	if (sink.fd < 0 || log_write(line) < 0)
		(void)console_write(STDERR_FILENO, line);
}

static void write_kept(void)
{
	sink.is_open = true;
	for (size_t i = 0; i < sink.kept_count; i++) {
		sink_write(sink.kept[i]);
		free(sink.kept[i]);
	}
	sink.kept_count = 0;
}

void log_open(void)
{
	if (sink.fd < 0)
		sink.fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	sink.is_open = true;
	if (sink.fd < 0)
		(void)log_line(LOG_ERROR, -errno,
			       "cannot open /dev/kmsg (%s): messages go to the console instead",
			       strerror(errno));
	/* refused when the command line has settled it (printk.devkmsg=): its choice then */
	(void)file_write_existing(AT_FDCWD, "/proc/sys/kernel/printk_devkmsg", "on\n");
	write_kept();
}

void log_open_console(void)
{
	if (sink.fd < 0)
		sink.fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	sink.is_console = true;
	write_kept();
}

void log_to(int fd, const char *name, enum log_level least)
{
	sink.fd = fd;
	sink.name = name;
	sink.least = least;
	sink.is_open = true;
	sink.with_debug = true;
}

void log_debug_enable(bool enable)
{
	sink.with_debug = enable;
}

int log_fd(void)
{
	return sink.fd;
}

int log_line(enum log_level level, int error, const char *format, ...)
{
	char line[LINE_BYTES];
	va_list arguments;
	int prefix, length;

	if ((level == LOG_DEBUG && !sink.with_debug) || (sink.name && level > sink.least))
		return error;
	prefix = sink.name ? snprintf(line, sizeof(line), "%s: ", sink.name)
			   : snprintf(line, sizeof(line),
				      "<%d>mkinitrd: ", level == LOG_DEBUG ? LOG_INFO : (int)level);
	va_start(arguments, format);
	length = vsnprintf(line + prefix, sizeof(line) - (size_t)prefix - 1, format, arguments);
	va_end(arguments);
	if (length < 0)
		return error;
	/* a label or a path may hold anything: one call is one line */
	for (char *character = line; *character; character++)
		if ((unsigned char)*character < 0x20 || *character == 0x7f)
			*character = ' ';
	line[strlen(line) + 1] = '\0';
	line[strlen(line)] = '\n';
	if (sink.is_open)
		sink_write(line);
	else if (sink.kept_count < KEPT_LINES && (sink.kept[sink.kept_count] = strdup(line)))
		sink.kept_count++;
	return error;
}
