/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_path.c - which paths a bundle of a host's files may have
 *
 * In:    a path, untrusted
 * Out:   what is wrong with it
 * Not:   what is at that path in an image (init/bundle_unpack.c)
 */
#include <string.h>

#include "bundle_path.h"
#include "text.h"

#define LENGTH_MOST 1024

/* not a host's, with all below */
static const struct {
	const char *path, *problem;
} closed[] = {
	{ "init", "is what the kernel starts; a bundle cannot replace it" },
	{ "usr/lib/mkinitrd", "is mkinitrd's own; a bundle cannot replace it" },
	{ "dev", "is the kernel's; it is mounted over" },
	{ "proc", "is the kernel's; it is mounted over" },
	{ "sys", "is the kernel's; it is mounted over" },
	{ "run", "is empty at every start; it is mounted over" },
	{ "tmp", "is empty at every start; it is mounted over" },
};

static const char *component_problem(const char *path, size_t length)
{
	if (length == 0)
		return "has an empty component";
	if ((length == 1 && path[0] == '.') || (length == 2 && path[0] == '.' && path[1] == '.'))
		return "has a component '.' or '..'";
	return length > 255 ? "has a component that is too long" : NULL;
}

const char *bundle_path_problem(const char *path, bool is_directory)
{
	const char *problem = NULL;
	unsigned depth = 0;

	if (strlen(path) > LENGTH_MOST)
		return "is too long";
	for (const char *at = path; at && !problem;) {
		size_t length = strcspn(at, "/");

		problem = component_problem(at, length);
		at = at[length] ? at + length + 1 : NULL;
		if (++depth > BUNDLE_DEPTH_MOST)
			return "is too deep";
	}
	for (size_t i = 0; i < COUNT_OF(closed) && !problem; i++) {
		const char *rest = text_after(path, closed[i].path);

		/* an archive names the directories above each file */
		if (rest && (*rest == '/' || (*rest == '\0' && !is_directory)))
			problem = closed[i].problem;
	}
	return problem;
}
