/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_sink.c - where the words of services and main go (see output_sink.h)
 *
 * In:    lines, from the process that reads the pipes of programs
 * Out:   records of the kernel log; lines of the console; lines of a file with the time before them
 * Not:   the lines of init itself, which are always in the kernel log (log.c)
 * Facts: a terminal that is stopped, or a serial line without a reader, takes nothing: hence not
 *        blocking
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "logfile.h"
#include "output_sink.h"

#define SINK_BYTES 1200

/* one for the process, as the kernel log is */
static struct {
	enum plan_log_to to;
	const char *path; /* the plan's, for messages */
	int console_fd;
	struct logfile file;
	bool is_refusing; /* said already */
} sink = { .to = PLAN_LOG_KMSG, .console_fd = -1, .file = { .directory_fd = -1, .fd = -1 } };

static void add_time(struct text *text)
{
	char stamp[40] = "";
	time_t now = time(NULL);
	struct tm parts;

	if (gmtime_r(&now, &parts))
		(void)strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ ", &parts);
	text_add(text, stamp);
}

static int write_file(const char *name, const char *line)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	add_time(&text);
	text_format(&text, "%s: %s\n", name, line);
	return text.failed ? -ENOMEM : logfile_write(&sink.file, text.data, text.length);
}

static int write_console(const char *name, const char *line)
{
	char bytes[SINK_BYTES];
	/* its line may be in raw mode: a console container's, say */
	int length = snprintf(bytes, sizeof(bytes), "%.40s: %s\r\n", name, line);
	ssize_t written = write(sink.console_fd, bytes, strlen(bytes));

	if (length < 0 || written < 0)
		return length < 0 ? -EINVAL : -errno;
	return (size_t)written == strlen(bytes) ? 0 : -EAGAIN;
}

static int write_kmsg(const char *name, enum log_level level, const char *line)
{
	char record[SINK_BYTES];

	(void)snprintf(record, sizeof(record), "<%d>%.40s: %s\n", (int)level, name, line);
	return log_write(record);
}

static void open_file(const struct plan_log *log, const char *profile)
{
	int r = log->path ? logfile_open(&sink.file, log->path, log->limit) : -EINVAL;

	if (r < 0) {
		(void)log_line(LOG_ERROR, r,
			       "log: cannot open '%s' (%s): what programs print goes to the "
			       "kernel log instead",
			       log->path ? log->path : "", strerror(-r));
		return;
	}
	sink.to = PLAN_LOG_FILE;
	(void)write_file("mkinitrd", profile);
}

void output_sink_open(const struct bootplan *plan)
{
	CLEANUP(memory_free) char *boot = NULL;

	sink.to = PLAN_LOG_KMSG;
	sink.path = plan->log.to == PLAN_LOG_FILE ? plan->log.path : "/dev/console";
	if (!plan->has_log || plan->log.to == PLAN_LOG_KMSG)
		return;
	if (plan->log.to == PLAN_LOG_FILE) {
		if (asprintf(&boot, "boot, profile %s",
			     plan->image.profile ? plan->image.profile : "-") < 0)
			boot = NULL;
		open_file(&plan->log, boot ? boot : "boot");
		return;
	}
	sink.console_fd = open(sink.path, O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (sink.console_fd >= 0)
		sink.to = PLAN_LOG_CONSOLE;
	else
		(void)log_line(LOG_ERROR, -errno,
			       "log: cannot open '%s' (%s): what programs print goes to the "
			       "kernel log instead",
			       sink.path, strerror(errno));
}

int output_sink_write(const char *name, enum log_level level, const char *line)
{
	int r = 0;

	if (sink.to == PLAN_LOG_KMSG)
		return write_kmsg(name, level, line);
	r = sink.to == PLAN_LOG_FILE ? write_file(name, line) : write_console(name, line);
	if (r < 0 && !sink.is_refusing)
		(void)log_line(LOG_ERROR, r,
			       "log: cannot write to '%s' (%s): lines go to the kernel log until "
			       "that is possible again",
			       sink.path, strerror(-r));
	sink.is_refusing = r < 0;
	return r < 0 ? write_kmsg(name, level, line) : 0;
}

bool output_sink_is_file(void)
{
	return sink.to == PLAN_LOG_FILE && !sink.is_refusing;
}

void output_sink_close(void)
{
	sink.to = PLAN_LOG_KMSG;
	fd_close(&sink.console_fd);
	logfile_close(&sink.file);
}
