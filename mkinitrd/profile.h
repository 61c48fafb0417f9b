/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile.h - a stacked, checked profile
 *
 * Everything after this works on one tree (see value.h) whose shape the schema has checked: a
 * reader may rely on kinds, enumerations and number formats that profile_schema.c declares.
 */
#pragma once

#include <stdarg.h>

#include "value.h"
#include "../init/lib/text.h"

struct profile {
	struct value *root; /* a map; never NULL after profile_load() */
	char *name;         /* of the last -p, without folder and ".yaml" */
	struct strings
		files; /* labels of the files, as in origins, from the lowest to the topmost */
	struct strings paths; /* where these lie on this host, in the same order */
};

#define PROFILE_EMPTY ((struct profile){ 0 })

/**
 * profile_load() - find, parse, stack and check; speaks
 * @names:  what -p gave, in order, at least one: a path (it holds a '/' or ends in ".yaml") or a
 *          name looked up in the profile folders
 * @sets:   what --set gave, "key.path=value", in order
 *
 * Return: 0 or a negative errno, after one line that says file:line:column, what, and what to do.
 */
int profile_load(struct profile *profile, const struct strings *names, const struct strings *sets);
void profile_free(struct profile *profile);

/* a profile that a command made: it lies in no file */
struct profile_made {
	const char *name;
	const char *text;  /* YAML */
	const char *label; /* of profile_label() */
};

/** profile_load_made() - profile_load() with @made (NULL: none) below what is named; then @names
 * may be none, and the whole has the name of @made */
int profile_load_made(struct profile *profile, const struct profile_made *made,
		      const struct strings *names, const struct strings *sets);

/** profile_label() - what origins in @path say; a relative "from:" there is beside @path, which
 * need not be there. It lives as long as the process; NULL: out of memory */
const char *profile_label(const char *path, const char *label);

/**
 * profile_expand() - replace ${name} by the profile's values: in a text; speaks
 * @where: origin named in the error for an unset name
 */
int profile_expand(const struct profile *profile, const char *string, struct origin where,
		   char **ret_expanded);

/** profile_expand_for() - the same, but ${@kept} stays as it stands: who uses the text fills it */
int profile_expand_for(const struct profile *profile, const char *string, struct origin where,
		       const char *kept, char **ret_expanded);

/**
 * profile_directory_fd() - the folder that holds the file of @origin, where a relative "from:" is
 * looked up. Owned by the profile code; -1 when the value does not come from a file.
 */
int profile_directory_fd(const struct origin *origin);

/** profile_folders() - where names are looked up, first match wins (config, installed, build) */
int profile_folders(struct strings *ret_folders);

/** origin_format() - "docker.yaml:12" or "--set" into @text; with the column when @with_column */
void origin_format(struct text *text, const struct origin *origin, bool with_column);

/**
 * fail_at() - fail() for what a profile says at @at: "docker.yaml:12:3: MESSAGE"
 *
 * Return: -EINVAL
 */
int fail_at(const struct origin *at, const char *format, ...) PRINTF_LIKE(2, 3);
int fail_at_list(const struct origin *at, const char *format, va_list arguments) PRINTF_LIKE(2, 0);
