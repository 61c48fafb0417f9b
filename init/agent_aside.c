/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_aside.c - what the agent sets aside, and says to init
 *
 * In:    a path, the reason
 * Out:   another name for it, and a line that says so
 * Not:   the renaming (aside.c)
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent_aside.h"

void report(const char *kind, const char *format, ...)
{
	char line[600];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (char *at = line; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = ' ';
	(void)printf("%s %s\n", kind, line);
}

int set_aside(const char *path, const char *why)
{
	CLEANUP(text_free) struct text to = TEXT_EMPTY;
	int r = aside_move(path, &to);

	if (r < 0)
		report("warn", "%s: %s; it cannot be renamed: %s", path, why, strerror(-r));
	else
		report("warn", "%s: %s; it is '%s' now", path, why, text_string(&to));
	return r;
}
