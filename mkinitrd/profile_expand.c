/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_expand.c - ${name} in a text becomes what "values:" says
 *
 * In:    a text, the profile's values
 * Out:   the text with ${name} replaced, once: what it stands for is not looked at again. "$$" is
 *        one '$'; a '$' before anything else stays.
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "options.h"
#include "profile.h"

static int fail_unknown(const struct value *values, const char *name, const struct origin *origin)
{
	CLEANUP(text_free) struct text problem = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	const char *nearest;

	for (size_t i = 0; values && i < values->count; i++)
		(void)strings_add(&names, values->keys[i]);
	nearest = names.items ? word_nearest(name, (const char *const *)names.items) : NULL;
	text_format(&problem, "'${%s}' is not set under 'values:'", name);
	if (nearest)
		text_format(&problem, "; did you mean '${%s}'?", nearest);
	else
		text_format(&problem, "; set it there, or write '$${%s}' for the text itself",
			    name);
	return fail_at(origin, "%s", text_string(&problem));
}

/* the text for the ${name} at @at, which has an end at @end */
static int expand_one(const struct value *values, const char *at, const char *end, const char *kept,
		      const struct origin *origin, struct text *expanded)
{
	CLEANUP(memory_free) char *name = strndup(at + 2, (size_t)(end - at - 2));
	const char *value;

	if (!name)
		return fail(-ENOMEM, "cannot expand '%s'", at);
	if (kept && text_equal(name, kept)) {
		text_add_bytes(expanded, at, (size_t)(end - at + 1));
		return 0;
	}
	value = value_text(value_map_get(values, name), NULL);
	if (!value)
		return fail_unknown(values, name, origin);
	text_add(expanded, value);
	return 0;
}

int profile_expand(const struct profile *profile, const char *string, struct origin where,
		   char **ret_expanded)
{
	return profile_expand_for(profile, string, where, NULL, ret_expanded);
}

int profile_expand_for(const struct profile *profile, const char *string, struct origin where,
		       const char *kept, char **ret_expanded)
{
	const struct value *values = value_get(profile->root, "values", NULL);
	CLEANUP(text_free) struct text expanded = TEXT_EMPTY;

	for (const char *at = string; *at; at++) {
		const char *end;
		int r;

		if (at[0] != '$' || (at[1] != '$' && at[1] != '{')) {
			text_add_char(&expanded, *at);
			continue;
		}
		if (at[1] == '$') {
			text_add_char(&expanded, *at++);
			continue;
		}
		end = strpbrk(at, "}\n");
		if (!end || *end != '}')
			return fail_at(&where, "a '${' without its '}'; write '$${' for the text");
		r = expand_one(values, at, end, kept, &where, &expanded);
		if (r < 0)
			return r;
		at = end;
	}
	return text_take(&expanded, ret_expanded) < 0 ? fail(-ENOMEM, "cannot expand '%s'", string)
						      : 0;
}
