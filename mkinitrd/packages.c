/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packages.c - which package of a root a file is of (see packages.h)
 *
 * In:    records of dpkg or pacman in the root
 * Out:   names and versions
 * Facts: dpkg-query(1), FILES: info/NAME[:ARCH].list has a path a line, status the paragraphs with
 *        "Package:" and "Version:"; where /lib is a link to /usr/lib a path may be listed either
 *        way. pacman's local/NAME-VERSION-RELEASE/files has the paths below "%FILES%", without '/'
 */
#include <errno.h>
#include <string.h>

#include "manifest_json.h"
#include "packages.h"

#define DPKG "/var/lib/dpkg"
#define PACMAN "/var/lib/pacman/local"
#define LIST_MOST ((size_t)64 << 20)

/* the next line of @text from *@at on, or NULL */
static char *next_line(char **at)
{
	return *at && **at ? strsep(at, "\n") : NULL;
}

/* @path, of somebody's list, is of @owner; its folder may be one that moved below /usr */
static int note(json_t *paths, const char *path, const char *owner)
{
	CLEANUP(text_free) struct text merged = TEXT_EMPTY;

	if (!json_object_get(paths, path)) {
		text_format(&merged, "/usr%s", path);
		path = text_string(&merged);
	}
	if (!json_object_get(paths, path))
		return 0;
	return json_object_set_new(paths, path, json_string(owner)) < 0 ? -ENOMEM : 0;
}

/* each line of a list */
static int read_list(const struct sysroot *root, const char *list, const char *before,
		     const char *owner, json_t *paths)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = sysroot_read(root, list, LIST_MOST, &text);
	char *line, *at = text.data;

	while (r == 0 && (line = next_line(&at)) != NULL) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "%s%s", before, line);
		r = path.failed ? -ENOMEM : note(paths, text_string(&path), owner);
	}
	return r == -ENOENT ? 0 : r;
}

/* name -> "NAME VERSION" */
static int read_status(const struct sysroot *root, json_t *versions)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = sysroot_read(root, DPKG "/status", LIST_MOST, &text);
	char *line, *at = text.data;
	const char *name = NULL, *value;

	while (r == 0 && (line = next_line(&at)) != NULL) {
		if ((value = text_after(line, "Package: ")) != NULL)
			name = value;
		else if (name && (value = text_after(line, "Version: ")) != NULL &&
			 json_object_set_new(versions, name, json_sprintf("%s %s", name, value)) <
				 0)
			r = -ENOMEM;
	}
	return r;
}

static int find_dpkg(const struct sysroot *root, json_t *paths)
{
	CLEANUP(json_cleanup) json_t *versions = json_object();
	CLEANUP(strings_free) struct strings lists = STRINGS_EMPTY;
	int r = versions ? read_status(root, versions) : -ENOMEM;

	if (r == 0)
		r = sysroot_glob(root, DPKG "/info/*.list", &lists);
	for (size_t i = 0; r == 0 && i < lists.count; i++) {
		const char *file = base_name(lists.items[i]);
		CLEANUP(text_free) struct text name = TEXT_EMPTY;
		const char *owner;

		text_add_bytes(&name, file, strcspn(file, ":"));
		if (name.data && text_ends_with(text_string(&name), ".list")) {
			name.length -= strlen(".list");
			name.data[name.length] = '\0';
		}
		owner = json_string_value(json_object_get(versions, text_string(&name)));
		if (owner)
			r = read_list(root, lists.items[i], "", owner, paths);
	}
	return r == -ENOENT ? 0 : r;
}

/* "NAME-VERSION-RELEASE" */
static bool split_folder(const char *folder, struct text *owner)
{
	const char *release = strrchr(folder, '-');
	const char *version = release;

	while (version && version > folder && version[-1] != '-')
		version--;
	if (!version || version < folder + 2)
		return false;
	text_format(owner, "%.*s %s", (int)(version - 1 - folder), folder, version);
	return true;
}

static int find_pacman(const struct sysroot *root, json_t *paths)
{
	CLEANUP(strings_free) struct strings lists = STRINGS_EMPTY;
	int r = sysroot_glob(root, PACMAN "/*/files", &lists);

	for (size_t i = 0; r == 0 && i < lists.count; i++) {
		CLEANUP(text_free) struct text folder = TEXT_EMPTY;
		CLEANUP(text_free) struct text owner = TEXT_EMPTY;

		text_add_bytes(&folder, lists.items[i], strlen(lists.items[i]) - strlen("/files"));
		if (split_folder(base_name(text_string(&folder)), &owner))
			r = read_list(root, lists.items[i], "/", text_string(&owner), paths);
	}
	return r == -ENOENT ? 0 : r;
}

int packages_find(const struct sysroot *root, json_t *paths)
{
	int r = find_dpkg(root, paths);

	return r < 0 ? r : find_pacman(root, paths);
}
