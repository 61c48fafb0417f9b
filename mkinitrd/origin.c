/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origin.c - places in profiles, and errors that begin with one
 *
 * In:    an origin (value.h)
 * Out:   "docker.yaml:12:3", and through fail() the line "mkinitrd: docker.yaml:12:3: MESSAGE"
 */
#include <stdarg.h>

#include "fail.h"
#include "profile.h"

void origin_format(struct text *text, const struct origin *origin, bool with_column)
{
	text_add(text, origin->file ? origin->file : "mkinitrd");
	if (origin->line)
		text_format(text, ":%u", origin->line);
	if (origin->line && with_column)
		text_format(text, ":%u", origin->column);
}

int fail_at_list(const struct origin *at, const char *format, va_list arguments)
{
	CLEANUP(text_free) struct text where = TEXT_EMPTY;
	CLEANUP(memory_free) char *message = NULL;

	origin_format(&where, at, true);
	if (vasprintf(&message, format, arguments) < 0)
		message = NULL;
	return fail(0, "%s: %s", text_string(&where), message ? message : format);
}

int fail_at(const struct origin *at, const char *format, ...)
{
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = fail_at_list(at, format, arguments);
	va_end(arguments);
	return r;
}
