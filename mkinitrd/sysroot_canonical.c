/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sysroot_canonical.c - where a path of the root really leads, symlink by symlink
 *
 * In:    a path as seen in the root
 * Out:   the path without symlinks, and each symlink met
 * Facts: path_resolution(7); 40 symlinks are followed, as the kernel does (MAXSYMLINKS)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "path_map.h"
#include "sysroot.h"

#define SYMLINKS_MOST 40

/* what stands at a path: remembered, as folders, symlinks and libraries are met again and again */
struct known {
	mode_t type;  /* S_IFMT bits; 0: nothing there */
	char *target; /* of a symlink */
};

struct canonical_walk {
	const struct sysroot *sysroot;
	struct text done; /* canonical so far: "" or "/usr/lib" */
	char *rest;       /* what is left to walk, owned */
	size_t symlinks;
	struct strings *links; /* or NULL */
};

static void known_free(void *pointer)
{
	struct known *known = pointer;

	free(known->target);
	free(known);
}

static void walk_free(struct canonical_walk *walk)
{
	text_free(&walk->done);
	free(walk->rest);
}

/* look at @path, which has no symlinks but perhaps its last component */
static int look(const struct sysroot *sysroot, const char *path, mode_t *ret_type,
		char **ret_target)
{
	struct stat status;
	int r = sysroot_stat(sysroot, path, false, &status);

	if (r == -ENOENT) {
		*ret_type = 0;
		return 0;
	}
	if (r < 0)
		return r;
	*ret_type = status.st_mode & S_IFMT;
	return S_ISLNK(status.st_mode) ? sysroot_readlink(sysroot, path, ret_target) : 0;
}

/* the same through the cache; the caller frees *ret_target */
static int look_cached(const struct sysroot *sysroot, const char *path, mode_t *ret_type,
		       char **ret_target)
{
	struct known *known = sysroot->known ? path_map_get(sysroot->known, path) : NULL;
	int r;

	if (known) {
		*ret_type = known->type;
		if (known->target && !(*ret_target = strdup(known->target)))
			return -ENOMEM;
		return 0;
	}
	r = look(sysroot, path, ret_type, ret_target);
	if (r < 0 || !sysroot->known || *ret_type == 0)
		return r;
	known = calloc(1, sizeof(*known));
	if (!known)
		return -ENOMEM;
	known->type = *ret_type;
	if (*ret_target)
		known->target = strdup(*ret_target);
	if ((*ret_target && !known->target) ||
	    path_map_put(sysroot->known, path, known, known_free) < 0) {
		known_free(known);
		return -ENOMEM;
	}
	return 0;
}

/* "/usr/lib" -> "/usr" -> "" -> "" */
static void walk_up(struct canonical_walk *walk)
{
	char *slash = walk->done.length ? strrchr(walk->done.data, '/') : NULL;

	if (!slash)
		return;
	*slash = '\0';
	walk->done.length = (size_t)(slash - walk->done.data);
}

/* go on with @target in the place of the symlink at @link */
static int walk_follow(struct canonical_walk *walk, const char *link, const char *target)
{
	CLEANUP(text_free) struct text rest = TEXT_EMPTY;
	char *next = NULL;
	int r;

	if (++walk->symlinks > SYMLINKS_MOST)
		return -ELOOP;
	if (walk->links) {
		r = strings_add(walk->links, link);
		if (r == 0)
			r = strings_add(walk->links, target);
		if (r < 0)
			return r;
	}
	if (target[0] == '/')
		text_clear(&walk->done);
	text_format(&rest, "%s/%s", target, walk->rest);
	r = text_take(&rest, &next);
	if (r < 0)
		return r;
	free(walk->rest);
	walk->rest = next;
	return 0;
}

/* one component, @name: down, and on along a symlink when it is one */
static int walk_down(struct canonical_walk *walk, const char *name, bool is_last)
{
	CLEANUP(memory_free) char *link = NULL;
	CLEANUP(memory_free) char *target = NULL;
	size_t length = walk->done.length;
	mode_t type = 0;
	int r;

	text_format(&walk->done, "/%s", name);
	if (walk->done.failed)
		return -ENOMEM;
	r = look_cached(walk->sysroot, text_string(&walk->done), &type, &target);
	if (r < 0)
		return r;
	if (!target)
		return type != 0 && !S_ISDIR(type) && !is_last ? -ENOTDIR : 0;
	link = strdup(text_string(&walk->done));
	if (!link)
		return -ENOMEM;
	walk->done.length = length;
	walk->done.data[length] = '\0';
	return walk_follow(walk, link, target);
}

static int walk_step(struct canonical_walk *walk)
{
	CLEANUP(memory_free) char *name = NULL;
	size_t skipped = strspn(walk->rest, "/");
	size_t length = strcspn(walk->rest + skipped, "/");
	char *after = walk->rest + skipped + length;

	name = strndup(walk->rest + skipped, length);
	if (!name)
		return -ENOMEM;
	memmove(walk->rest, after, strlen(after) + 1);
	if (text_equal(name, "") || text_equal(name, "."))
		return 0;
	if (text_equal(name, "..")) {
		walk_up(walk);
		return 0;
	}
	return walk_down(walk, name, walk->rest[strspn(walk->rest, "/")] == '\0');
}

int sysroot_canonical(const struct sysroot *sysroot, const char *path, char **ret_path,
		      struct strings *links)
{
	CLEANUP(walk_free)
	struct canonical_walk walk = { .sysroot = sysroot, .links = links };
	int r = 0;

	walk.rest = strdup(path);
	if (!walk.rest)
		return -ENOMEM;
	while (r == 0 && *walk.rest)
		r = walk_step(&walk);
	if (r < 0)
		return r;
	if (walk.done.length == 0)
		text_add_char(&walk.done, '/');
	return text_take(&walk.done, ret_path);
}
