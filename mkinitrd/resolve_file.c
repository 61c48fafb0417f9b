/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_file.c - "files:" of a profile
 *
 * In:    keys (paths of the image, with braces and patterns), and what each is to be
 * Out:   entries, named by the profile
 * Not:   symlinks, directories, the root's layout (resolve_path.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "braces.h"
#include "fail.h"
#include "holds.h"
#include "resolve_path.h"
#include "../init/lib/file.h"
#include "../init/lib/number.h"

#define HOLDS_MOST (64 << 20) /* of a file that is looked into */

/* one key of "files:" */
struct file_wish {
	struct resolve *resolve;
	const char *key;
	const struct value *value;
	struct want want;
	struct strings paths; /* what the braces of the key stand for */
	bool is_optional;
	struct text relation;
};

static void wish_free(struct file_wish *wish)
{
	text_free(&wish->relation);
	strings_free(&wish->paths);
}

/* "docker.yaml:12:3: 'KEY' PROBLEM" */
#define fail_wish(wish, format, ...) \
	fail_at(&(wish)->want.at, "'%s' " format, (wish)->key, ##__VA_ARGS__)

/* @path is not there: an error, or one of the files that may be missing */
static int wish_missing(const struct file_wish *wish, const char *path, const char *problem)
{
	int r;

	if (!wish->is_optional)
		return fail_wish(wish,
				 "%s the root '%s'; install what brings it, or make it "
				 "optional",
				 problem, wish->resolve->root->path);
	r = strings_add(&wish->resolve->missing.files, path);
	return r < 0 ? fail(r, "cannot note '%s'", path) : 0;
}

/* a symlink that leads nowhere, or nothing at all */
static int path_missing(const struct file_wish *wish, const char *path)
{
	CLEANUP(text_free) struct text problem = TEXT_EMPTY;
	CLEANUP(memory_free) char *target = NULL;
	bool is_key = text_equal(path, wish->key);

	if (!is_key)
		text_format(&problem, "(%s) ", path);
	if (sysroot_readlink(wish->resolve->root, path, &target) == 0)
		text_format(&problem, "is a symlink to '%s', which is not in", target);
	else
		text_add(&problem, "is not in");
	return wish_missing(wish, path, text_string(&problem));
}

/* "holds:": no file without it; what was found becomes a part of the reason, in @relation */
static int wish_holds(const struct file_wish *wish, const struct text *content,
		      struct text *relation, struct want *want)
{
	const char *kind = value_text(value_map_get(wish->value, "holds"), NULL);
	CLEANUP(text_free) struct text found = TEXT_EMPTY;
	int r = holds_check(kind, text_string(content), content->length, &found);

	if (r == -ENODATA)
		return fail_wish(wish, "must hold %s, and has %s; make it anew, or drop 'holds:'",
				 kind, text_string(&found));
	if (r < 0)
		return fail(r, "cannot look into '%s'", wish->key);
	text_format(relation, "%s, %s", want->relation, text_string(&found));
	want->relation = text_string(relation);
	return 0;
}

/* the same for what is at @path in @root; that it is not there is said elsewhere */
static int path_holds(const struct file_wish *wish, const struct sysroot *root, const char *path,
		      struct text *relation, struct want *want)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -ENOENT;
	int r;

	if (value_text(value_map_get(wish->value, "holds"), NULL))
		fd = sysroot_open(root, path, O_RDONLY | O_NONBLOCK);
	if (fd == -ENOENT)
		return 0;
	r = fd < 0 ? fd : file_read_fd(fd, HOLDS_MOST, &content);
	return r < 0 ? fail(r, "cannot read '%s' for '%s'", path, wish->key)
		     : wish_holds(wish, &content, relation, want);
}

/* {}: the same in the root. A pattern may match much; a plain path must be there. */
static int files_from_root(const struct file_wish *wish)
{
	bool has_match = false, has_pattern = false;

	for (size_t i = 0; i < wish->paths.count; i++) {
		CLEANUP(strings_free) struct strings found = STRINGS_EMPTY;
		const char *path = wish->paths.items[i];
		bool is_pattern = strpbrk(path, "*?[") != NULL;
		int r = is_pattern ? sysroot_glob(wish->resolve->root, path, &found)
				   : strings_add(&found, path);

		if (r < 0)
			return fail(r, "cannot look for '%s' in the root '%s'", path,
				    wish->resolve->root->path);
		has_pattern |= is_pattern;
		for (size_t j = 0; j < found.count; j++) {
			CLEANUP(text_free) struct text relation = TEXT_EMPTY;
			struct want want = wish->want;

			r = path_holds(wish, wish->resolve->root, found.items[j], &relation, &want);
			if (r < 0)
				return r;
			r = resolve_want(wish->resolve, found.items[j], &want);
			if (r == -ENOENT)
				r = path_missing(wish, found.items[j]);
			else
				has_match = true;
			if (r < 0)
				return r;
		}
	}
	return has_pattern && !has_match ? wish_missing(wish, wish->key, "matches nothing in") : 0;
}

/* what @key of the value says, expanded; NULL when it says nothing. The caller frees it. */
static int wish_text(const struct file_wish *wish, const char *key, char **ret_text)
{
	const struct value *value = value_map_get(wish->value, key);
	const char *scalar = value_text(value, NULL);

	if (!scalar)
		return 0;
	if (wish->resolve->profile)
		return profile_expand(wish->resolve->profile, scalar, value->origin, ret_text);
	*ret_text = strdup(scalar);
	return *ret_text ? 0 : -ENOMEM;
}

/* a file that the profile itself holds */
static int file_from_content(const struct file_wish *wish, const char *place, const char *content)
{
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	CLEANUP(memory_free) char *label_path = NULL;
	struct addition addition = {
		.path = place,
		.type = ENTRY_FILE,
		.mode = 0644,
		.source = { .kind = SOURCE_CONTENT,
			    .directory_fd = -1,
			    .byte_count = strlen(content) },
	};
	CLEANUP(text_free) struct text relation = TEXT_EMPTY;
	struct want want = wish->want;
	int r;

	if (value_text(value_map_get(wish->value, "holds"), NULL)) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;

		text_add(&text, content);
		r = wish_holds(wish, &text, &relation, &want);
		if (r < 0)
			return r;
	}
	origin_format(&label, &value_map_get(wish->value, "content")->origin, false);
	r = text_take(&label, &label_path);
	if (r < 0)
		return r;
	addition.source.path = label_path;
	addition.source.bytes = strdup(content);
	if (!addition.source.bytes)
		return -ENOMEM;
	r = want_add(wish->resolve, &want, &addition, NULL);
	return r < 0 ? r : 0;
}

/* whether ".." is one of the components */
/* from: an absolute path lies in the root, a relative one beside the profile */
static int file_from_path(const struct file_wish *wish, const char *place, const char *from)
{
	const struct value *value = value_map_get(wish->value, "from");
	struct sysroot beside = SYSROOT_EMPTY;
	const struct sysroot *root = wish->resolve->root;
	CLEANUP(memory_free) char *canonical = NULL;
	CLEANUP(text_free) struct text relation = TEXT_EMPTY;
	struct want want = wish->want;
	struct stat status;
	int r;

	if (from[0] != '/') {
		if (path_has_parent_step(from))
			return fail_wish(
				wish, "comes from '%s', but '..' leads out of the profile's folder",
				from);
		beside.fd = profile_directory_fd(&value->origin);
		if (beside.fd < 0)
			return fail_wish(wish,
					 "comes from '%s', a path beside the profile, but "
					 "was not said in a profile's file",
					 from);
		root = &beside;
	}
	r = sysroot_stat(root, from, true, &status);
	if ((r == -ENOENT || r == -ENOTDIR) && wish->is_optional)
		return wish_missing(wish, from, "");
	if (r == -ENOENT || r == -ENOTDIR)
		return fail_wish(wish,
				 "comes from '%s', which is not %s; put it there, or make it "
				 "optional",
				 from, root == &beside ? "beside the profile" : "in the root");
	if (r == 0 && S_ISDIR(status.st_mode))
		return fail_wish(
			wish, "comes from '%s', which is a directory; name the files in it", from);
	if (r == 0)
		r = path_holds(wish, root, from, &relation, &want);
	if (r < 0 || root == &beside)
		return r < 0 ? r
			     : path_add_file(wish->resolve, place, SOURCE_PROFILE, root, from,
					     &want);
	/* the canonical path: so that it is the same source as that of who names the file itself */
	r = sysroot_canonical(root, from, &canonical, NULL);
	return r < 0 ? fail(r, "cannot follow '%s' in the root '%s'", from, root->path)
		     : path_add_file(wish->resolve, place, SOURCE_ROOT, root, canonical, &want);
}

static int file_from_link(const struct file_wish *wish, const char *place, const char *target)
{
	struct addition addition = {
		.path = place,
		.type = ENTRY_SYMLINK,
		.mode = 0777,
		.target = target,
		.source.directory_fd = -1,
	};
	int r = want_add(wish->resolve, &wish->want, &addition, NULL);

	return r < 0 ? r : 0;
}

static int file_from_nothing(const struct file_wish *wish, const char *place,
			     const char *text UNUSED)
{
	struct addition addition = {
		.path = place,
		.type = ENTRY_DIRECTORY,
		.mode = 0755,
		.source.directory_fd = -1,
	};
	int r = want_add(wish->resolve, &wish->want, &addition, NULL);

	return r < 0 ? r : 0;
}

static const struct {
	const char *key;
	int (*add)(const struct file_wish *wish, const char *place, const char *text);
} file_kinds[] = {
	{ "content", file_from_content },
	{ "from", file_from_path },
	{ "link", file_from_link },
	{ "directory", file_from_nothing },
};

static int files_of_kind(const struct file_wish *wish, size_t kind)
{
	CLEANUP(memory_free) char *text = NULL;
	int r = wish_text(wish, file_kinds[kind].key, &text);

	for (size_t i = 0; r == 0 && i < wish->paths.count; i++) {
		CLEANUP(memory_free) char *place = NULL;

		r = resolve_place(wish->resolve, wish->paths.items[i], "file", &wish->want.at,
				  &place);
		if (r == 0 && *place == '\0')
			r = fail_wish(wish, "is the root itself, and no file");
		if (r == 0)
			r = file_kinds[kind].add(wish, place, text);
	}
	return r;
}

/* mode: and owner: */
static int wish_attributes(struct file_wish *wish)
{
	const char *mode = value_text(value_map_get(wish->value, "mode"), NULL);
	const char *owner = value_text(value_map_get(wish->value, "owner"), NULL);
	CLEANUP(memory_free) char *user = NULL;
	uint64_t uid, gid;
	size_t length;

	if (mode) {
		if (mode[strspn(mode, "01234567")] || strlen(mode) > 5 ||
		    strtoul(mode, NULL, 8) > 07777)
			return fail_wish(wish,
					 "has the mode '%s', which is no octal number up to "
					 "7777",
					 mode);
		wish->want.has_mode = true;
		wish->want.mode = (mode_t)strtoul(mode, NULL, 8);
	}
	if (!owner)
		return 0;
	length = strcspn(owner, ":");
	user = strndup(owner, length);
	if (!user)
		return -ENOMEM;
	if (!owner[length] || number_parse(user, &uid) < 0 ||
	    number_parse(owner + length + 1, &gid) < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return fail_wish(wish, "has the owner '%s', which is not UID:GID", owner);
	wish->want.has_owner = true;
	wish->want.uid = (uint32_t)uid;
	wish->want.gid = (uint32_t)gid;
	return 0;
}

static int resolve_file(struct file_wish *wish)
{
	size_t kind = COUNT_OF(file_kinds);
	int r;

	for (size_t i = 0; i < COUNT_OF(file_kinds); i++) {
		if (!value_text(value_map_get(wish->value, file_kinds[i].key), NULL))
			continue;
		if (kind < COUNT_OF(file_kinds))
			return fail_wish(wish, "has '%s:' and '%s:'; keep one of them",
					 file_kinds[kind].key, file_kinds[i].key);
		kind = i;
	}
	if (wish->key[0] != '/')
		return fail_wish(wish, "is no path of the image; it must begin with '/'");
	r = wish_attributes(wish);
	if (r == 0) {
		r = braces_expand(wish->key, &wish->paths);
		if (r == -E2BIG)
			return fail_wish(wish, "stands for too many paths");
	}
	if (r < 0)
		return r;
	return kind < COUNT_OF(file_kinds) ? files_of_kind(wish, kind) : files_from_root(wish);
}

int resolve_files(struct resolve *resolve, const struct value *files)
{
	for (size_t i = 0; files && i < files->count; i++) {
		const struct value *value = files->items[i];
		CLEANUP(wish_free)
		struct file_wish wish = {
			.resolve = resolve,
			.key = files->keys[i],
			.value = value,
			.want = { .at = files->key_origins[i], .is_named = true },
		};
		const char *need =
			value_text(value->kind == VALUE_MAP ? value_map_get(value, "need") : value,
				   "required");
		int r;

		if (value->kind == VALUE_NULL)
			continue;
		wish.is_optional = text_equal(need, "optional");
		resolve_relation(&wish.relation, "file", NULL, value);
		wish.want.relation = text_string(&wish.relation);
		r = resolve_file(&wish);
		if (r < 0)
			return r;
	}
	return 0;
}
