/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fail.c - the one place that prints to stderr (see fail.h)
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "fail.h"
#include "progress.h"
#include "../init/lib/text.h"

#define FAILURE "!" /* the kind that is printed without a word, and may be held */

static enum verbosity current_verbosity = NORMAL;

void verbosity_set(enum verbosity verbosity)
{
	current_verbosity = verbosity;
}

enum verbosity verbosity_get(void)
{
	return current_verbosity;
}

/* the line of fail() that is kept; by any thread */
static pthread_mutex_t held_lock = PTHREAD_MUTEX_INITIALIZER;
static bool is_holding;
static char *held;

/* one fprintf a line, so that lines of threads do not mix */
static void print_text(const char *text)
{
	progress_clear();
	fprintf(stderr, "mkinitrd: %s\n", text);
}

/* whether @line was kept; then it is the holder's */
static bool hold(char *line)
{
	bool is_kept;

	(void)pthread_mutex_lock(&held_lock);
	is_kept = is_holding;
	if (is_kept) {
		if (held)
			print_text(held);
		free(held);
		held = line;
	}
	(void)pthread_mutex_unlock(&held_lock);
	return is_kept;
}

void fail_hold(void)
{
	is_holding = true;
}

char *fail_release(void)
{
	is_holding = false;
	return text_pointer_take(&held);
}

static void PRINTF_LIKE(3, 0)
	print_line(const char *kind, int error, const char *format, va_list arguments)
{
	CLEANUP(memory_free) char *message = NULL;
	char *line;

	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	if (asprintf(&line, "%s%s%s%s", *kind == *FAILURE ? "" : kind, message ? message : format,
		     error ? ": " : "", error ? strerror(-error) : "") < 0)
		line = NULL;
	if (line && text_equal(kind, FAILURE) && hold(line))
		return;
	print_text(line ? line : format);
	free(line);
}

int fail(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_line(FAILURE, error, format, arguments);
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

bool ask(const char *format, ...)
{
	CLEANUP(memory_free) char *answer = NULL;
	CLEANUP(memory_free) char *question = NULL;
	va_list arguments;
	size_t size = 0;

	va_start(arguments, format);
	if (vasprintf(&question, format, arguments) < 0)
		question = NULL;
	va_end(arguments);
	progress_clear();
	fprintf(stderr, "mkinitrd: %s ", question ? question : format);
	return getline(&answer, &size, stdin) > 0 && text_equal(answer, "yes\n");
}
