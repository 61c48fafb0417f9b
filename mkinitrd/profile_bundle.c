/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_bundle.c - what of a stack of profiles is a host's own
 *
 * In:    the image's profiles, and these with a host's on top
 * Out:   the files that the host's profile changes; errors for what a bundle cannot carry
 * Not:   writing them (bundle.c)
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "keypath.h"
#include "profile_bundle.h"

struct difference {
	const struct value *image, *stacked; /* roots */
	struct strings values;               /* names that stand for something else */
};

static void difference_free(struct difference *difference)
{
	strings_free(&difference->values);
}

static bool is_same(const struct value *a, const struct value *b)
{
	if (!a || !b || a->kind != b->kind || a->count != b->count)
		return a == b;
	if (a->kind == VALUE_SCALAR)
		return text_equal(a->scalar, b->scalar);
	for (size_t i = 0; i < a->count; i++)
		if (!is_same(a->items[i],
			     a->kind == VALUE_MAP ? value_map_get(b, a->keys[i]) : b->items[i]))
			return false;
	return true;
}

static int find_values(struct difference *difference)
{
	const struct value *values = value_map_get(difference->stacked, "values");
	const struct value *before = value_map_get(difference->image, "values");

	for (size_t i = 0; values && i < values->count; i++)
		if (!is_same(values->items[i], value_map_get(before, values->keys[i])) &&
		    strings_add(&difference->values, values->keys[i]) < 0)
			return -ENOMEM;
	return 0;
}

/* the first ${name} in @text that stands for something else, or NULL */
static const char *changed_name(const struct difference *difference, const char *text)
{
	for (const char *at = text; (at = strchr(at, '$')) != NULL; at++) {
		if (at[1] == '$') {
			at++;
			continue;
		}
		for (size_t i = 0; at[1] == '{' && i < difference->values.count; i++) {
			const char *name = difference->values.items[i];
			const char *rest = text_after(at + 2, name);

			if (rest && *rest == '}')
				return name;
		}
	}
	return NULL;
}

static const char *uses_changed(const struct difference *difference, const struct value *value)
{
	const char *name = NULL;

	if (!value || value->kind == VALUE_SCALAR)
		return value ? changed_name(difference, value->scalar) : NULL;
	for (size_t i = 0; i < value->count && !name; i++)
		name = uses_changed(difference, value->items[i]);
	return name;
}

/* ---- what is no file ---- */

/* @value differs from @before: the deepest place where, and "a.b.c" of it */
static const struct origin *first_difference(const struct value *before, const struct value *value,
					     const struct origin *at, struct text *path)
{
	for (size_t i = 0; value->kind == VALUE_MAP && i < value->count; i++) {
		const struct value *other = value_map_get(before, value->keys[i]);

		if (is_same(value->items[i], other))
			continue;
		keypath_add(path, value->keys[i]);
		return first_difference(other, value->items[i], &value->key_origins[i], path);
	}
	return at;
}

static int refuse_others(const struct difference *difference)
{
	static const char *const carried[] = { "description", "files", "values" };
	const struct value *stacked = difference->stacked;

	for (size_t i = 0; i < stacked->count; i++) {
		const struct value *before = value_map_get(difference->image, stacked->keys[i]);
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		const struct origin *at;
		bool is_carried = false;

		for (size_t j = 0; j < COUNT_OF(carried); j++)
			is_carried |= text_equal(carried[j], stacked->keys[i]);
		if (is_carried || is_same(stacked->items[i], before))
			continue;
		keypath_add(&path, stacked->keys[i]);
		at = first_difference(before, stacked->items[i], &stacked->key_origins[i], &path);
		return fail_at(at,
			       "'%s' cannot be in a bundle, which carries files alone; say it in a "
			       "profile of the image, and name that one before the host's: "
			       "-p IMAGE -p HOST",
			       text_string(&path));
	}
	return 0;
}

/* init takes the name from the bundle's file */
static bool is_named_by_file(const struct difference *difference, const char *path)
{
	return text_equal(path, "boot.hostname") &&
	       value_get(difference->stacked, "files", "/etc/hostname", NULL);
}

/* a value that differs, where a bundle does not reach: nothing is wrong, but it has no effect */
static void warn_others(const struct difference *difference, const struct value *map,
			struct text *path)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct value *item = map->items[i];
		size_t length = path->length;
		const char *name = item->kind == VALUE_MAP ? NULL : uses_changed(difference, item);
		bool is_carried = length == 0 && (text_equal(map->keys[i], "files") ||
						  text_equal(map->keys[i], "values"));

		keypath_add(path, map->keys[i]);
		if (item->kind == VALUE_MAP && !is_carried)
			warn_others(difference, item, path);
		else if (name && !is_named_by_file(difference, text_string(path))) {
			CLEANUP(text_free) struct text where = TEXT_EMPTY;

			origin_format(&where, &item->origin, true);
			warn("%s: '%s' uses '${%s}', which a bundle changes in files alone; going "
			     "on",
			     text_string(&where), text_string(path), name);
		}
		path->length = length;
		if (path->data)
			path->data[length] = '\0';
	}
}

/* ---- files ---- */

static int check_file(const char *path, const struct value *file, const struct origin *at)
{
	const struct value *from = value_map_get(file, "from");

	if (value_map_get(file, "content") || value_map_get(file, "link"))
		return 0;
	if (from && value_text(from, "/")[0] != '/')
		return 0;
	return fail_at(at,
		       "'%s' is a file of the root, and a bundle carries what stands in a profile "
		       "('content:', 'link:') or beside it ('from:' with a relative path)",
		       path);
}

/* null in the host's profile */
static int refuse_removed(const struct difference *difference, const char *host)
{
	const struct value *before = value_map_get(difference->image, "files");
	const struct value *files = value_map_get(difference->stacked, "files");

	for (size_t i = 0; before && i < before->count; i++)
		if (!value_map_get(files, before->keys[i]))
			return fail_at(&before->key_origins[i],
				       "'%s' is a file of the image, which the profile '%s' takes "
				       "out; a bundle cannot",
				       before->keys[i], host);
	return 0;
}

int profile_bundle_choose(struct profile *stacked, const struct profile *image)
{
	CLEANUP(difference_free)
	struct difference difference = { .image = image->root, .stacked = stacked->root };
	const struct value *before = value_map_get(image->root, "files");
	struct value *files = value_map_get(stacked->root, "files");
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r = find_values(&difference);

	if (r < 0)
		return fail(r, "cannot make a bundle");
	r = refuse_others(&difference);
	if (r == 0)
		r = refuse_removed(&difference, stacked->name);
	for (size_t i = 0; r == 0 && files && i < files->count;) {
		const struct value *file = files->items[i];

		if (is_same(file, value_map_get(before, files->keys[i])) &&
		    !uses_changed(&difference, file)) {
			value_map_remove(files, files->keys[i]);
			continue;
		}
		r = check_file(files->keys[i], file, &files->key_origins[i]);
		i++;
	}
	if (r == 0)
		warn_others(&difference, stacked->root, &path);
	if (r == 0 && (!files || files->count == 0))
		return fail(0,
			    "the profile '%s' changes no file of the image's profiles: there is "
			    "nothing for a bundle",
			    stacked->name);
	return r;
}
