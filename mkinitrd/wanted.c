/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wanted.c - the paths of an image to which a command is narrowed (see wanted.h)
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "escape.h"
#include "fail.h"
#include "wanted.h"

void path_tidy(struct text *text, const char *path)
{
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length && !(length == 1 && path[0] == '.')) {
			if (text->length)
				text_add_char(text, '/');
			text_add_bytes(text, path, length);
		}
		path += length;
		path += *path == '/';
	}
}

int wanted_set(struct wanted *wanted, char *const *arguments, size_t count)
{
	wanted->is_found = calloc(count + 1, sizeof(bool));
	if (!wanted->is_found)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		int r;

		path_tidy(&path, arguments[i]);
		r = path.failed ? -ENOMEM : strings_add(&wanted->paths, text_string(&path));
		if (r < 0)
			return r;
	}
	return 0;
}

void wanted_free(struct wanted *wanted)
{
	strings_free(&wanted->paths);
	memory_free(&wanted->is_found);
}

static bool is_at_or_below(const char *path, const char *top)
{
	const char *rest = text_after(path, top);

	return *top == '\0' || (rest && (*rest == '\0' || *rest == '/')) ||
	       fnmatch(top, path, FNM_PATHNAME | FNM_LEADING_DIR) == 0;
}

bool wanted_has(struct wanted *wanted, const char *path)
{
	bool result = wanted->paths.count == 0;

	for (size_t i = 0; i < wanted->paths.count; i++) {
		if (!is_at_or_below(path, wanted->paths.items[i]))
			continue;
		wanted->is_found[i] = true;
		result = true;
	}
	return result;
}

int wanted_missed(const struct wanted *wanted, const char *image)
{
	int r = 0;

	for (size_t i = 0; i < wanted->paths.count; i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		escape_name(&path, wanted->paths.items[i]);
		if (!wanted->is_found[i])
			r = fail(0, "'%s' is not in '%s'", text_string(&path), image);
	}
	return r;
}
