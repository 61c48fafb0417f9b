/* SPDX-License-Identifier: Apache-2.0 */
/*
 * braces.c - "{a,b}" in paths (see braces.h)
 */
#include <errno.h>
#include <string.h>

#include "braces.h"

#define PATHS_MOST 65536 /* of one pattern: {a,b} 17 times is a mistake */

/* the '}' that closes the '{' at @open; NULL: none, or no comma between them */
static const char *group_end(const char *open)
{
	bool has_comma = false;
	size_t depth = 0;

	for (const char *at = open; *at; at++) {
		if (*at == '{')
			depth++;
		else if (*at == ',' && depth == 1)
			has_comma = true;
		else if (*at == '}' && --depth == 0)
			return has_comma ? at : NULL;
	}
	return NULL;
}

/* the end of the alternative at @start: ',' or the last '}' */
static const char *alternative_end(const char *start, const char *end)
{
	size_t depth = 0;

	for (; start < end; start++) {
		if (*start == ',' && depth == 0)
			break;
		depth += *start == '{';
		depth -= *start == '}';
	}
	return start;
}

int braces_expand(const char *pattern, struct strings *ret_paths)
{
	const char *open = strchr(pattern, '{');
	const char *end = open ? group_end(open) : NULL;
	int r = 0;

	while (open && !end) {
		open = strchr(open + 1, '{');
		end = open ? group_end(open) : NULL;
	}
	if (!open)
		return ret_paths->count < PATHS_MOST ? strings_add(ret_paths, pattern) : -E2BIG;
	for (const char *start = open + 1; r == 0 && start <= end;) {
		const char *stop = alternative_end(start, end);
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_add_bytes(&path, pattern, (size_t)(open - pattern));
		text_add_bytes(&path, start, (size_t)(stop - start));
		text_add(&path, end + 1);
		r = path.failed ? -ENOMEM : braces_expand(text_string(&path), ret_paths);
		start = stop + 1;
	}
	return r;
}
