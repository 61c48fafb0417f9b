/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_find.c - from the name of a profile to its files
 *
 * In:    a name or a path; the profile folders of this host
 * Out:   the paths of the profile and its drop-ins, each with the label that its values carry
 * Not:   what is in them (profile.c), in which order profiles stack (profile_stack.c)
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "fail.h"
#include "options.h"
#include "profile_find.h"
#include "tools.h"

#define SUFFIX ".yaml"
#define PATH_VARIABLE "MKINITRD_PROFILE_PATH"

/* ---- labels, and the folders that they stand for ---- */

struct label {
	struct label *next;
	char *path; /* of the file */
	int directory_fd;
	char text[];
};

/* Values carry labels into the manifest, beyond the profile's life: they are never freed. */
static struct label *labels;

const char *profile_label(const char *path, const char *text)
{
	CLEANUP(memory_free) char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	struct label *label;

	for (label = labels; label; label = label->next)
		if (text_equal(label->path, path) && text_equal(label->text, text))
			return label->text;
	label = calloc(1, sizeof(*label) + strlen(text) + 1);
	if (!label || !folder || !(label->path = strdup(path))) {
		free(label);
		return NULL;
	}
	memcpy(label->text, text, strlen(text));
	if (slash)
		slash[slash == folder] = '\0';
	/* a folder that cannot be opened is said where something in it is wanted */
	label->directory_fd = open(slash ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	label->next = labels;
	labels = label;
	return label->text;
}

static const struct label *label_find(const struct origin *origin)
{
	for (const struct label *label = labels; label; label = label->next)
		if (label->text == origin->file)
			return label;
	return NULL;
}

int profile_directory_fd(const struct origin *origin)
{
	const struct label *label = label_find(origin);

	return label ? label->directory_fd : -1;
}

/* ---- folders ---- */

static int add_colon_list(struct strings *folders, const char *list)
{
	while (*list) {
		size_t length = strcspn(list, ":");

		if (length && strings_add_format(folders, "%.*s", (int)length, list) < 0)
			return -ENOMEM;
		list += length + (list[length] == ':');
	}
	return 0;
}

int profile_folders(struct strings *ret_folders)
{
	const char *list = getenv(PATH_VARIABLE);
	CLEANUP(memory_free) char *folder = NULL;
	CLEANUP(memory_free) char *canonical = NULL;
	int r;

	if (list && *list)
		return add_colon_list(ret_folders, list);
	r = strings_add(ret_folders, "/etc/mkinitrd/profiles");
	if (r == 0)
		r = tools_folder(&folder);
	if (r < 0)
		return r;
	canonical = realpath(folder, NULL);
	return strings_add_format(ret_folders, "%s/profiles", canonical ? canonical : folder);
}

/* the *.yaml in a folder, sorted; hidden ones are an editor's business */
static int list_yaml(const char *folder, struct strings *ret_files)
{
	CLEANUP(directory_close) DIR *directory = opendir(folder);
	const struct dirent *entry;

	if (!directory)
		return -errno;
	/* a folder that fails half-way gives what it gave: opening the files says the rest */
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.' && text_ends_with(entry->d_name, SUFFIX) &&
		    strings_add(ret_files, entry->d_name) < 0)
			return -ENOMEM;
	strings_sort(ret_files, false);
	return 0;
}

int profile_names(const char *folder, struct strings *ret_names)
{
	CLEANUP(strings_free) struct strings files = STRINGS_EMPTY;
	int r = list_yaml(folder, &files);

	for (size_t i = 0; i < files.count; i++) {
		files.items[i][strlen(files.items[i]) - strlen(SUFFIX)] = '\0';
		if (strings_add(ret_names, files.items[i]) < 0)
			return -ENOMEM;
	}
	return r == -ENOMEM ? r : 0;
}

/* ---- finding ---- */

void profile_files_free(struct profile_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->items[i].path);
	free(files->items);
	free(files->name);
	*files = PROFILE_FILES_EMPTY;
}

/* @path is the list's from then on */
static int files_add(struct profile_files *files, char *path, const char *label_text)
{
	struct profile_file *items = reallocarray(files->items, files->count + 1, sizeof(*items));

	if (items)
		files->items = items;
	if (!items || !path) {
		free(path);
		return -ENOMEM;
	}
	items[files->count].path = path;
	items[files->count].label = profile_label(path, label_text);
	return items[files->count++].label ? 0 : -ENOMEM;
}

static int path_join(char **ret_path, const char *folder, const char *name, const char *suffix)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, "%s/%s%s", folder, name, suffix);
	return text_take(&path, ret_path);
}

/* NAME.d/FILE in the first of the folders that has it */
static int add_drop_in(struct profile_files *files, const struct strings *folders, const char *file)
{
	CLEANUP(text_free) struct text label = TEXT_EMPTY;

	text_format(&label, "%s.d/%s", files->name, file);
	for (size_t i = 0; i < folders->count; i++) {
		char *path = NULL;

		if (path_join(&path, folders->items[i], text_string(&label), "") < 0)
			return -ENOMEM;
		if (access(path, F_OK) == 0)
			return files_add(files, path, text_string(&label));
		free(path);
	}
	return 0;
}

/* drop-ins in the order of their file names, whatever their folder */
static int find_drop_ins(struct profile_files *files, const struct strings *folders)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;

	for (size_t i = 0; i < folders->count; i++) {
		CLEANUP(memory_free) char *folder = NULL;
		int r = path_join(&folder, folders->items[i], files->name, ".d");

		if (r == 0)
			r = list_yaml(folder, &names);
		if (r < 0 && r != -ENOENT && r != -ENOTDIR)
			return fail(r, "cannot read the drop-ins in '%s'", folder ? folder : "");
	}
	strings_sort(&names, true);
	for (size_t i = 0; i < names.count; i++)
		if (add_drop_in(files, folders, names.items[i]) < 0)
			return fail(-ENOMEM, "cannot look for drop-ins of '%s'", files->name);
	return 0;
}

static int fail_not_found(const char *name, const struct strings *folders, const struct origin *by)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	const char *nearest;

	if (by) {
		origin_format(&line, by, true);
		text_add(&line, ": ");
	}
	text_format(&line, "no profile '%s' in", name);
	for (size_t i = 0; i < folders->count; i++) {
		text_format(&line, "%s %s", i ? "," : "", folders->items[i]);
		(void)profile_names(folders->items[i], &names);
	}
	nearest = names.items ? word_nearest(name, (const char *const *)names.items) : NULL;
	if (nearest)
		text_format(&line, "; did you mean '%s'?", nearest);
	else
		text_add(&line,
			 "; 'mkinitrd profile list' shows what there is, a path needs a '/'");
	return fail(0, "%s", text_string(&line));
}

static int find_by_name(const char *name, const struct origin *by, struct profile_files *files)
{
	CLEANUP(strings_free) struct strings folders = STRINGS_EMPTY;
	CLEANUP(text_free) struct text label = TEXT_EMPTY;
	int r = profile_folders(&folders);

	if (r < 0)
		return fail(r, "cannot look for profile '%s'", name);
	text_format(&label, "%s%s", name, SUFFIX);
	for (size_t i = 0; i < folders.count && *name; i++) {
		char *path = NULL;

		r = path_join(&path, folders.items[i], name, SUFFIX);
		if (r < 0)
			return fail(r, "cannot look for profile '%s'", name);
		/* one that is there and cannot be read is an error where it is opened */
		if (access(path, F_OK) < 0) {
			free(path);
			continue;
		}
		files->name = strdup(name);
		r = files->name ? 0 : -ENOMEM;
		if (r == 0)
			r = files_add(files, path, text_string(&label));
		else
			free(path);
		return r < 0 ? fail(r, "cannot look for profile '%s'", name)
			     : find_drop_ins(files, &folders);
	}
	return fail_not_found(name, &folders, by);
}

/* the path of a file that an "include:" or a -p names; relative to the file that names it */
static char *reference_path(const char *reference, const struct origin *by)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const struct label *label = by ? label_find(by) : NULL;
	const char *slash = label && *reference != '/' ? strrchr(label->path, '/') : NULL;
	char *taken = NULL;

	if (slash)
		text_add_bytes(&path, label->path, (size_t)(slash + 1 - label->path));
	text_add(&path, reference);
	return text_take(&path, &taken) < 0 ? NULL : taken;
}

/* "site/web" stands for site/web.yaml where it is no file itself; @path is taken */
static char *path_complete(char *path)
{
	CLEANUP(memory_free) char *longer = NULL;
	struct stat status;

	if (!path || text_ends_with(path, SUFFIX) ||
	    (stat(path, &status) == 0 && !S_ISDIR(status.st_mode)))
		return path;
	if (asprintf(&longer, "%s" SUFFIX, path) < 0)
		longer = NULL;
	if (!longer || access(longer, F_OK) < 0)
		return path;
	free(path);
	return text_pointer_take(&longer);
}

static int find_by_path(const char *reference, const struct origin *by, struct profile_files *files)
{
	CLEANUP(strings_free) struct strings folders = STRINGS_EMPTY;
	char *path = path_complete(reference_path(reference, by));
	const char *slash = path ? strrchr(path, '/') : NULL;
	const char *base = slash ? slash + 1 : path;
	size_t length;

	if (!path)
		return fail(-ENOMEM, "cannot look for profile '%s'", reference);
	length = strlen(base) - (text_ends_with(base, SUFFIX) ? strlen(SUFFIX) : 0);
	files->name = strndup(base, length);
	if (strings_add_format(&folders, "%.*s", slash ? (int)(slash - path) + (slash == path) : 1,
			       slash ? path : ".") < 0 ||
	    !files->name || files_add(files, path, base) < 0)
		return fail(-ENOMEM, "cannot look for profile '%s'", reference);
	return find_drop_ins(files, &folders);
}

int profile_find(const char *reference, const struct origin *by, struct profile_files *ret_files)
{
	bool is_path = strchr(reference, '/') || text_ends_with(reference, SUFFIX);
	struct profile_files files = PROFILE_FILES_EMPTY;
	int r = is_path ? find_by_path(reference, by, &files) : find_by_name(reference, by, &files);

	if (r < 0)
		profile_files_free(&files);
	else
		*ret_files = files;
	return r;
}
