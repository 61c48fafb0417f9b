/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_profile.c - mkinitrd profile: which profiles there are, what they come to, and a host's own
 *
 * In:    options; the first argument is the verb, the others are names, after those of -p
 * Out:   lists and trees on stdout, a bundle; errors in profiles on stderr
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "bundle.h"
#include "fail.h"
#include "options.h"
#include "profile_bundle.h"
#include "profile_find.h"
#include "profile_show.h"
#include "profile_stack.h"

/* one profile in one folder */
struct listed {
	const char *name, *folder;
	const char *description; /* NULL: cannot be read, which was said */
	bool is_shadowed;        /* one of this name is in an earlier folder */
};

static int names_of(const struct options *options, struct strings *ret_names)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < options->profiles.count; i++)
		r = strings_add(ret_names, options->profiles.items[i]);
	for (size_t i = 1; r == 0 && i < options->arguments.count; i++)
		r = strings_add(ret_names, options->arguments.items[i]);
	return r;
}

/* ---- list ---- */

/* Its own file alone counts: a profile that stands on a missing one has a description, too. */
static int list_read(const char *folder, const char *name, struct profile *ret_profile)
{
	CLEANUP(strings_free) struct strings path = STRINGS_EMPTY;

	if (strings_add_format(&path, "%s/%s.yaml", folder, name) < 0)
		return fail(-ENOMEM, "cannot list the profiles");
	return profile_describe(path.items[0], ret_profile);
}

static void list_line(const struct listed *listed)
{
	printf("%-20s %s%s\n%-20s   in %s\n", listed->name,
	       listed->description ? listed->description : "(cannot be read)",
	       listed->is_shadowed ? " (shadowed)" : "", "", listed->folder);
}

static int list_json(json_t *array, const struct listed *listed)
{
	return json_array_append_new(array,
				     json_pack("{s:s, s:s?, s:s, s:b}", "name", listed->name,
					       "description", listed->description, "folder",
					       listed->folder, "shadowed", listed->is_shadowed));
}

/* every profile of every folder; those that cannot be read are listed, and counted as failures */
static int list_each(const struct strings *folders, json_t *array)
{
	CLEANUP(strings_free) struct strings seen = STRINGS_EMPTY;
	int result = 0;

	for (size_t i = 0; i < folders->count; i++) {
		CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;

		(void)profile_names(folders->items[i], &names);
		for (size_t j = 0; j < names.count; j++) {
			CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
			struct listed listed = { .name = names.items[j],
						 .folder = folders->items[i],
						 .is_shadowed =
							 strings_contain(&seen, names.items[j]) };
			int r = list_read(listed.folder, listed.name, &profile);

			if (r < 0)
				result = r;
			else
				listed.description = value_text(
					value_get(profile.root, "description", NULL), "");
			if (array)
				r = list_json(array, &listed);
			else
				list_line(&listed);
			if ((array && r < 0) || strings_add(&seen, listed.name) < 0)
				return fail(-ENOMEM, "cannot list the profiles");
		}
	}
	return result;
}

static int profile_list(const struct options *options)
{
	CLEANUP(strings_free) struct strings folders = STRINGS_EMPTY;
	json_t *array = options->json ? json_array() : NULL;
	int r;

	if (options->arguments.count > 1 || options->profiles.count) {
		(void)fail(0, "'profile list' takes no names; 'profile show NAME' shows one");
		return EXIT_USAGE;
	}
	r = profile_folders(&folders);
	if (r < 0)
		return fail(r, "cannot look for profiles"), EXIT_FAILED;
	r = list_each(&folders, array);
	if (array) {
		(void)json_dumpf(array, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(array);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* ---- show ---- */

static int profile_show(const struct options *options)
{
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = names_of(options, &names);

	if (r == 0 && names.count == 0) {
		(void)fail(0, "'profile show' needs the NAME of a profile; 'mkinitrd profile list' "
			      "lists them");
		return EXIT_USAGE;
	}
	if (r == 0)
		r = profile_stack(&profile, &names, &options->sets, false);
	if (r < 0)
		return EXIT_FAILED;
	r = options->json ? profile_show_json(&profile, &text) : profile_show_text(&profile, &text);
	if (r < 0)
		return fail(r, "cannot show profile '%s'", profile.name), EXIT_FAILED;
	(void)fwrite(text.data, 1, text.length, stdout);
	return EXIT_DONE;
}

/* ---- check ---- */

static int check_stacked(const struct strings *names, const struct strings *sets)
{
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
	int r = profile_stack(&profile, names, sets, true);

	if (r == 0)
		printf("%s: ok\n", profile.name);
	return r;
}

/* without names: each that can be found, by itself */
static int check_each(const struct strings *sets)
{
	CLEANUP(strings_free) struct strings folders = STRINGS_EMPTY;
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	int result = profile_folders(&folders);

	for (size_t i = 0; result == 0 && i < folders.count; i++)
		result = profile_names(folders.items[i], &names);
	if (result < 0)
		return fail(result, "cannot look for profiles");
	strings_sort(&names, true);
	for (size_t i = 0; i < names.count; i++) {
		struct strings one = { .items = &names.items[i], .count = 1 };
		int r = check_stacked(&one, sets);

		if (r < 0)
			result = r;
	}
	return result;
}

static int profile_check(const struct options *options)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	int r = names_of(options, &names);

	if (r == 0)
		r = names.count ? check_stacked(&names, &options->sets)
				: check_each(&options->sets);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* ---- bundle ---- */

static int profile_bundle(const struct options *options)
{
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;
	CLEANUP(profile_free) struct profile image = PROFILE_EMPTY;
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	struct strings before;
	int r = names_of(options, &names);

	if (r == 0 && names.count == 0) {
		(void)fail(0, "'profile bundle' needs profiles: -p IMAGE... -p HOST, those of the "
			      "image and the host's last");
		return EXIT_USAGE;
	}
	if (r == 0)
		r = profile_load(&profile, &names, &options->sets);
	before = (struct strings){ .items = names.items, .count = names.count - 1 };
	if (r == 0)
		r = profile_load_part(&image, &before);
	if (r == 0)
		r = profile_bundle_choose(&profile, &image);
	if (r == 0)
		r = bundle_write(&profile,
				 &(struct bundle_options){ .output = options->output,
							   .key = options->sign,
							   .jobs = options_jobs(options) });
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static const struct verb {
	const char *name;
	int (*function)(const struct options *options);
} verbs[] = {
	{ "list", profile_list },
	{ "show", profile_show },
	{ "check", profile_check },
	{ "bundle", profile_bundle },
};

int cmd_profile(const struct options *options)
{
	static const char *const names[] = { "list", "show", "check", "bundle", NULL };
	const char *wanted = options->arguments.count ? options->arguments.items[0] : NULL;
	const char *nearest;

	if (!wanted) {
		(void)fail(0, "'profile' needs a verb: list, show, check or bundle");
		return EXIT_USAGE;
	}
	if ((options->output || options->sign) && !text_equal(wanted, "bundle")) {
		(void)fail(0, "'profile %s' takes no --%s; 'profile bundle' does", wanted,
			   options->output ? "output" : "sign");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < COUNT_OF(verbs); i++)
		if (text_equal(verbs[i].name, wanted))
			return verbs[i].function(options);
	nearest = word_nearest(wanted, names);
	(void)fail(0, "unknown verb 'profile %s'; %s%s%s", wanted,
		   nearest ? "did you mean '" : "there are list, show, check and bundle",
		   nearest ? nearest : "", nearest ? "'?" : "");
	return EXIT_USAGE;
}
