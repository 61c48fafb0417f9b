/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - lines in the kernel log (see log.h)
 *
 * In:    formatted lines, from any thread
 * Out:   one write(2) to /dev/kmsg for each; to stderr when there is no /dev/kmsg
 * Not:   the lines of steps (steps.c)
 * Facts: a write of more than LOG_LINE_MAX (976 in 6.1) is refused with EINVAL, and bursts are
 *        dropped unless printk_devkmsg is "on": kernel Documentation/admin-guide/sysctl/kernel.rst,
 *        kernel/printk/printk.c
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
	bool is_open; /* lines are written at once, no longer kept */
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

static void sink_write(const char *line)
{
	if (sink.fd >= 0 && write(sink.fd, line, strlen(line)) >= 0)
		return;
	/* no kernel log: the console, without the "<3>" of its priority */
	if (line[0] == '<' && line[1] && line[2] == '>')
		line += 3;
	(void)file_write_fd(STDERR_FILENO, line, strlen(line));
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
	for (size_t i = 0; i < sink.kept_count; i++) {
		sink_write(sink.kept[i]);
		free(sink.kept[i]);
	}
	sink.kept_count = 0;
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

	if (level == LOG_DEBUG && !sink.with_debug)
		return error;
	prefix = snprintf(line, sizeof(line),
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
