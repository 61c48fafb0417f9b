/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fail.c - the one place that prints to stderr (see fail.h)
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "fail.h"
#include "progress.h"
#include "../init/lib/text.h"

static enum verbosity current_verbosity = NORMAL;

void verbosity_set(enum verbosity verbosity)
{
	current_verbosity = verbosity;
}

enum verbosity verbosity_get(void)
{
	return current_verbosity;
}

/* one fprintf a line, so that lines of threads do not mix */
static void PRINTF_LIKE(3, 0)
	print_line(const char *kind, int error, const char *format, va_list arguments)
{
	CLEANUP(memory_free) char *message = NULL;

	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	progress_clear();
	fprintf(stderr, "mkinitrd: %s%s%s%s\n", kind, message ? message : format, error ? ": " : "",
		error ? strerror(-error) : "");
}

int fail(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line("", error, format, arguments);
	va_end(arguments);
	return error ? error : -EINVAL;
}

#define SPEAKER(name, kind, least)                      \
	void name(const char *format, ...)              \
	{                                               \
		va_list arguments;                      \
                                                        \
		if (current_verbosity < (least))        \
			return;                         \
		va_start(arguments, format);            \
		print_line(kind, 0, format, arguments); \
		va_end(arguments);                      \
	}

SPEAKER(warn, "warning: ", QUIET)
SPEAKER(say, "", NORMAL)
SPEAKER(note, "", VERBOSE)
SPEAKER(debug, "debug: ", DEBUG)
