/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_enable.c - mkinitrd enable, disable: definitions of images come and go
 *
 * In:    names of profiles
 * Out:   /etc/mkinitrd/images.d/NAME.yaml; with disable its images are gone
 */
#include <errno.h>
#include <string.h>

#include "boot_entry.h"
#include "fail.h"
#include "options.h"
#include "output.h"
#include "profile.h"
#include "update.h"
#include "../init/lib/file.h"

static int usage(const char *command, const char *what)
{
	(void)fail(0, "%s takes the names of %s; 'mkinitrd help %s' shows how", command, what,
		   command);
	return EXIT_USAGE;
}

/* a definition of its own file for @name: the default one may be another's */
static bool is_default_taken(const struct host *host)
{
	for (size_t i = 0; i < host->definitions.count; i++)
		if (!host->definitions.items[i].output && !host->definitions.items[i].is_staged)
			return true;
	return false;
}

static bool has_bases(const struct host *host)
{
	for (size_t i = 0; i < host->kernels.count; i++)
		if (host->kernels.items[i].base)
			return true;
	return false;
}

static void format(const struct host *host, const char *name, const char *profile,
		   struct text *text)
{
	text_format(text,
		    "# An image that this host keeps up to date: mkinitrd-images(5)\n"
		    "profile: %s\n",
		    profile);
	if (is_default_taken(host))
		text_format(text, "output: /boot/mkinitrd-%s-%%%c.img\n", name,
			    has_bases(host) ? 'p' : 'v');
}

static int write_definition(const struct host *host, const char *name, const struct text *text)
{
	CLEANUP(memory_free) char *folder = host_path(host, DEFINITIONS_FOLDER);
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r = folder ? directory_make(folder, 0755) : -ENOMEM;

	text_format(&path, "%s/%s.yaml", folder ? folder : "", name);
	if (r < 0 || path.failed || text->failed)
		return fail(r < 0 ? r : -ENOMEM, "cannot write '%s'", text_string(&path));
	return output_write(text_string(&path), text_string(text), text->length, 0644);
}

/* the name of an image from that of its profile: "/srv/site.yaml" is "site" */
static char *name_of(const char *profile)
{
	const char *base = base_name(profile);

	return strndup(base, strlen(base) - (text_ends_with(base, ".yaml") ? 5 : 0));
}

static int enable(struct host *host, const char *profile)
{
	CLEANUP(memory_free) char *name = name_of(profile);
	CLEANUP(profile_free) struct profile loaded = PROFILE_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	int r = name ? strings_add(&names, profile) : -ENOMEM;

	if (r < 0)
		return fail(r, "cannot enable '%s'", profile);
	if (profile[0] != '/' && (strchr(profile, '/') || text_ends_with(profile, ".yaml")))
		return fail(0,
			    "'%s' depends on where you are; give a name, or a path that begins "
			    "with '/'",
			    profile);
	if (definition_find(&host->definitions, name)) {
		say("%s is enabled already, by " DEFINITIONS_FOLDER "/%s.yaml", name, name);
		return 0;
	}
	r = profile_load(&loaded, &names, NULL); /* that it is one, and good */
	if (r < 0)
		return r;
	format(host, name, profile, &text);
	r = write_definition(host, name, &text);
	if (r == 0)
		say("enabled %s: " DEFINITIONS_FOLDER "/%s.yaml; 'mkinitrd update' makes its "
		    "images now",
		    name, name);
	return r;
}

static int fail_unknown(const struct host *host, const char *name)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	const char *nearest = NULL;

	for (size_t i = 0; i < host->definitions.count; i++)
		(void)strings_add(&names, host->definitions.items[i].name);
	if (names.count)
		nearest = word_nearest(name, (const char *const *)names.items);
	return fail(0, "no image '%s' is defined in " DEFINITIONS_FOLDER "%s%s%s", name,
		    nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* its images first: what is left when that fails can be removed again */
static int disable(struct host *host, const char *name)
{
	const struct definition *definition = definition_find(&host->definitions, name);
	CLEANUP(memory_free) char *path = NULL;
	bool has_records = false;
	int r = 0;

	for (size_t i = host->records.count; i-- && r == 0;)
		if (text_equal(host->records.items[i].name, name)) {
			has_records = true;
			r = update_remove_record(host, &host->records.items[i]);
		}
	if (r < 0)
		return r;
	if (!definition)
		return has_records ? 0 : fail_unknown(host, name);
	/* while the definition stays, so that it can be said again */
	r = has_records && definition->has_entry ? boot_grub_update(host, definition) : 0;
	if (r < 0)
		return r;
	path = host_path(host, definition->path);
	if (!path || unlink(path) < 0)
		return fail(path ? -errno : -ENOMEM, "cannot remove '%s'", definition->path);
	r = failures_set(host->prefix, &host->root, name, NULL, NULL, NULL);
	if (r == 0)
		say("disabled %s: removed %s", name, definition->path);
	return r;
}

static int change(const struct options *options, int (*each)(struct host *host, const char *name))
{
	int result = 0;

	for (size_t i = 0; i < options->arguments.count; i++) {
		/* anew for each: what one brought counts for the next */
		CLEANUP(host_close) struct host host = HOST_EMPTY;
		int r = host_open_locked(&host, options->root);

		if (r == 0)
			r = each(&host, options->arguments.items[i]);
		if (result == 0)
			result = r;
	}
	return result < 0 ? EXIT_FAILED : EXIT_DONE;
}

int cmd_enable(const struct options *options)
{
	return options->arguments.count ? change(options, enable) : usage("enable", "profiles");
}

int cmd_disable(const struct options *options)
{
	return options->arguments.count ? change(options, disable) : usage("disable", "images");
}
