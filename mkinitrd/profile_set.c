/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_set.c - "--set key.path=value" into a tree
 *
 * In:    the argument
 * Out:   the tree that a profile with this one value would give
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "keypath.h"
#include "manifest.h"
#include "profile_parse.h"

static const struct origin set_origin = { .file = origin_set_label };

/* What begins like a list, a map or a quoted text is YAML. All else is text as it stands: a shell
 * has already taken one layer of quotes off, and "a: b" or "#1" is not meant as YAML there. */
static int parse_set_value(const char *string, struct value **ret_value)
{
	size_t length = strlen(string);

	if (*string && strchr("[{\"'", *string))
		return profile_parse(string, length, origin_set_label, ret_value);
	if (length == 0 || text_equal(string, "~") || text_equal(string, "null"))
		*ret_value = value_new(VALUE_NULL, set_origin);
	else
		*ret_value = value_new_scalar(string, set_origin);
	return *ret_value ? 0 : fail(-ENOMEM, "cannot read --set");
}

static bool has_control(const char *key)
{
	for (; *key; key++)
		if ((unsigned char)*key < ' ' || *key == '\x7f')
			return true;
	return false;
}

int profile_parse_set(const char *set, struct value **ret_value)
{
	CLEANUP(strings_free) struct strings keys = STRINGS_EMPTY;
	struct value *value = NULL;
	const char *rest = "";
	int r = keypath_parse(set, &keys, &rest);

	if (r == -ENOMEM)
		return fail(r, "cannot read --set");
	if (r < 0 || *rest != '=')
		return fail(0,
			    "--set '%s' is not of the form key.path=value; a key with dots stands "
			    "in double quotes",
			    set);
	/* what a file may not hold either, see profile.c */
	if (!manifest_text_fits(set))
		return fail(0, "--set '%s' is not UTF-8 text", set);
	for (size_t i = 0; i < keys.count; i++)
		if (has_control(keys.items[i]))
			return fail(0, "--set: a key holds a control character");
	if (keys.count > PROFILE_DEPTH_LIMIT)
		return fail(0, "--set '%s' has more than %d keys", set, PROFILE_DEPTH_LIMIT);
	r = parse_set_value(rest + 1, &value);
	for (size_t i = keys.count; r == 0 && i > 0; i--) {
		struct value *map = value_new(VALUE_MAP, set_origin);

		r = map ? value_map_add(map, keys.items[i - 1], set_origin, value) : -ENOMEM;
		if (r < 0) {
			if (!map)
				value_free(value);
			value_free(map);
			return fail(r, "cannot read --set");
		}
		value = map;
	}
	if (r == 0)
		*ret_value = value;
	return r;
}
