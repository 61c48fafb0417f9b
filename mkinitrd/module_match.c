/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_match.c - patterns: of paths in profiles, of aliases (see modules.h)
 *
 * In:    a pattern and a module, or an alias
 * Out:   yes or no
 * Not:   modprobe's own look-up by alias (module_library.c)
 */
#include <fnmatch.h>
#include <string.h>

#include "modules.h"

/* "*" stays within a folder, "**" does not; "**" and a slash also match nothing at all */
// NOLINTNEXTLINE(misc-no-recursion): as deep as there are "**"
static bool glob_match(const char *pattern, const char *path)
{
	const char *stars = strstr(pattern, "**");
	CLEANUP(memory_free) char *before = NULL;
	CLEANUP(memory_free) char *head = NULL;
	size_t length = strlen(path);

	if (!stars)
		return fnmatch(pattern, path, FNM_PATHNAME) == 0;
	before = strndup(pattern, (size_t)(stars - pattern));
	head = strdup(path);
	if (!before || !head)
		return false;
	stars += strspn(stars, "*");

	for (size_t end = length + 1; end-- > 0;) {
		head[end] = '\0';
		if (fnmatch(before, head, FNM_PATHNAME) != 0)
			continue;
		if (*stars == '\0' || (*stars == '/' && glob_match(stars + 1, path + end)))
			return true;
		for (const char *rest = path + end; *rest; rest++) {
			if (glob_match(stars, rest))
				return true;
		}
	}
	return false;
}

bool module_match(const char *pattern, const struct module *module)
{
	CLEANUP(memory_free) char *path = NULL;
	const char *inside, *extension;

	if (!module->path)
		return false;
	if (!strchr(pattern, '/') && !text_equal(pattern, "**")) {
		CLEANUP(memory_free) char *name = strdup(pattern);

		if (!name)
			return false;
		module_name_normal(name);
		return fnmatch(name, module->name, 0) == 0;
	}
	inside = text_after(module->path, "kernel/");
	inside = inside ? inside : module->path;
	extension = strstr(inside, ".ko");
	path = extension ? strndup(inside, (size_t)(extension - inside)) : strdup(inside);
	return path && glob_match(pattern, path);
}

/* modalias files of devices have the form BUS:...; request_module("fs-TYPE") comes from mount(2).
 * "devname:" is for a device node that nobody makes in an initramfs, "symbol:" is for symbols. */
bool module_asks(const char *alias)
{
	if (text_after(alias, "fs-"))
		return true;
	return strchr(alias, ':') && !text_after(alias, "devname:") &&
	       !text_after(alias, "symbol:");
}
