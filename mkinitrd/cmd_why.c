/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_why.c - mkinitrd why: who wanted a path of an image
 *
 * In:    an image made by mkinitrd, a path in it
 * Out:   the path, and below it the chain of reasons down to a profile's line; with -v every reason
 *        and the source; for a symlink also what it points to
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "fail.h"
#include "image.h"
#include "options.h"

#define LINKS_MOST 40 /* as the kernel: path_resolution(7) */

/* add @path part by part to @result: "." and empty parts go, ".." takes one off */
static void join(struct text *result, const char *path)
{
	if (*path == '/')
		text_clear(result);
	while (*path) {
		size_t length = strcspn(path, "/");

		if (length == 2 && path[0] == '.' && path[1] == '.') {
			while (result->length && result->data[--result->length] != '/')
				;
			if (result->data)
				result->data[result->length] = '\0';
		} else if (length && !(length == 1 && path[0] == '.')) {
			if (result->length)
				text_add_char(result, '/');
			text_add_bytes(result, path, length);
		}
		path += length;
		path += *path == '/';
	}
}

/* where a symlink entry points, as a path of the image */
static void target_of(const struct entry *entry, struct text *result)
{
	const char *slash = strrchr(entry->path, '/');

	text_clear(result);
	if (slash)
		text_add_bytes(result, entry->path, (size_t)(slash - entry->path));
	join(result, entry->target);
}

/* one symlink among the directories of @path, replaced by what it points to. Return: whether */
static bool replace_link(const struct manifest *manifest, struct text *path)
{
	CLEANUP(text_free) struct text target = TEXT_EMPTY;

	for (size_t i = 0; i < path->length; i++) {
		const struct entry *entry;

		if (path->data[i] != '/')
			continue;
		path->data[i] = '\0';
		entry = manifest_find(manifest, path->data);
		path->data[i] = '/';
		if (!entry || entry->type != ENTRY_SYMLINK)
			continue;
		target_of(entry, &target);
		text_add_char(&target, '/');
		text_add(&target, path->data + i + 1);
		text_clear(path);
		join(path, text_string(&target));
		return true;
	}
	return false;
}

/* the entry at @path, through symlinks among its directories; NULL: there is none */
static const struct entry *look_up(const struct manifest *manifest, const char *path)
{
	CLEANUP(text_free) struct text place = TEXT_EMPTY;
	const struct entry *entry;

	join(&place, path);
	entry = manifest_find(manifest, text_string(&place));
	for (int links = 0; !entry && links < LINKS_MOST; links++) {
		if (!replace_link(manifest, &place))
			break;
		entry = manifest_find(manifest, text_string(&place));
	}
	return entry;
}

/* "; did you mean ...": entries of the same name elsewhere, else the nearest path */
static void add_nearest(const struct manifest *manifest, const char *path, struct text *text)
{
	size_t count = manifest_count(manifest), found = 0;
	CLEANUP(memory_free) const char **paths = calloc(count + 1, sizeof(char *));
	const char *nearest;

	for (size_t i = 0; paths && i < count; i++) {
		paths[i] = manifest_at(manifest, i)->path;
		if (found >= 3 || !text_equal(base_name(paths[i]), base_name(path)))
			continue;
		text_add(text, found++ ? ", " : "; did you mean ");
		escape_name(text, paths[i]);
	}
	nearest = paths && !found ? word_nearest(path, paths) : NULL;
	if (nearest) {
		text_add(text, "; did you mean ");
		escape_name(text, nearest);
	}
	if (found || nearest)
		text_add_char(text, '?');
}

static void print_all_reasons(const struct entry *entry, struct text *text)
{
	text_add(text, "  packed from ");
	entry_describe_source(entry, text);
	if (entry->capabilities)
		text_format(text, "\n  there with the capabilities %s", entry->capabilities);
	text_add(text, "\n  wanted as\n");
	for (size_t i = 0; i < entry->reason_count; i++) {
		text_add(text, "    ");
		reason_format(&entry->reasons[i], text);
		text_add_char(text, '\n');
	}
}

static int explain(const struct manifest *manifest, const struct entry *entry, const char *asked)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(text_free) struct text target = TEXT_EMPTY;

	escape_name(&text, entry->path);
	text_add_char(&text, '\n');
	manifest_chain(manifest, entry, false, &text);
	if (verbosity_get() >= VERBOSE)
		print_all_reasons(entry, &text);
	if (entry->type == ENTRY_SYMLINK) {
		target_of(entry, &target);
		text_add(&text, "  -> ");
		escape_name(&text, text_string(&target));
		text_add(&text,
			 look_up(manifest, text_string(&target)) ? "\n" : " (not in the image)\n");
	}
	if (text.failed || target.failed)
		return fail(-ENOMEM, "cannot explain '%s'", asked);
	if (fputs(text_string(&text), stdout) == EOF || fflush(stdout) != 0)
		return fail(-errno, "cannot write the answer");
	return 0;
}

static int why(const char *image, const char *asked)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
	CLEANUP(text_free) struct text nearest = TEXT_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const struct entry *entry;
	int r = image_read_manifest(image, &manifest, NULL, NULL);

	if (r < 0)
		return r;
	join(&path, asked);
	if (text_equal(text_string(&path), MANIFEST_PATH) ||
	    text_equal(text_string(&path), COMPLETE_PATH)) {
		printf("%s\n  part of every image (mkinitrd itself)\n", text_string(&path));
		return 0;
	}
	entry = look_up(manifest, asked);
	if (entry)
		return explain(manifest, entry, asked);
	add_nearest(manifest, text_string(&path), &nearest);
	return fail(0, "'%s' is not in '%s'%s", asked, image, text_string(&nearest));
}

int cmd_why(const struct options *options)
{
	if (options->arguments.count != 2) {
		(void)fail(0,
			   "why: an image and one path are needed; use: mkinitrd why IMAGE PATH");
		return EXIT_USAGE;
	}
	return why(options->arguments.items[0], options->arguments.items[1]) < 0 ? EXIT_FAILED
										 : EXIT_DONE;
}
