/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_config.c - read the root's modprobe.d (see module_config.h)
 *
 * In:    /etc/modprobe.d, /run/modprobe.d, ... of the root, and modules.softdep of the kernel
 * Out:   settings, and one text with all of them for libkmod (module_tree.c)
 * Not:   what a setting does to a module
 * Facts: modprobe.d(5): of files with one name the first folder's counts, files are read in the
 *        order of their names; modules.softdep takes its place among them by its name (kmod's
 *        libkmod/libkmod-config.c, kmod_config_new()). That order decides: the first softdep of a
 *        module is the only one in force.
 *
 * libkmod would open these files by itself, and then follow an absolute symlink out of the root,
 * and add the options on the command line of the kernel that happens to run here.
 */
#include <errno.h>
#include <string.h>

#include "module_config.h"
#include "fail.h"

#define CONFIG_LIMIT ((size_t)4 << 20)
#define OWN_SOFTDEPS "modules.softdep"

static const char *const folders[] = {
	"/etc/modprobe.d",     "/run/modprobe.d", "/usr/local/lib/modprobe.d",
	"/usr/lib/modprobe.d", "/lib/modprobe.d",
};

static const struct {
	const char *name;
	enum module_verb verb;
	unsigned words; /* that must follow, at least */
} verbs[] = {
	{ "alias", MODULE_ALIAS, 2 },     { "blacklist", MODULE_BLACKLIST, 1 },
	{ "install", MODULE_INSTALL, 2 }, { "options", MODULE_OPTIONS, 2 },
	{ "remove", MODULE_REMOVE, 2 },   { "softdep", MODULE_SOFTDEP, 2 },
};

const char *module_verb_name(enum module_verb verb)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (verbs[i].verb == verb)
			return verbs[i].name;
	}
	return "?";
}

void module_config_free(struct module_config *config)
{
	for (size_t i = 0; i < config->count; i++) {
		free(config->settings[i].key);
		free(config->settings[i].rest);
	}
	free(config->settings);
	strings_free(&config->files);
	text_free(&config->text);
	*config = MODULE_CONFIG_EMPTY;
}

void module_name_normal(char *name)
{
	bool in_brackets = false;

	for (; *name; name++) {
		if (*name == '[')
			in_brackets = true;
		else if (*name == ']')
			in_brackets = false;
		else if (*name == '-' && !in_brackets)
			*name = '_';
	}
}

static int setting_add(struct module_config *config, const struct module_setting *setting)
{
	struct module_setting *new;

	if (config->count == config->allocated) {
		size_t allocated = config->allocated ? 2 * config->allocated : 64;
		struct module_setting *settings =
			reallocarray(config->settings, allocated, sizeof(*settings));

		if (!settings)
			return -ENOMEM;
		config->settings = settings;
		config->allocated = allocated;
	}
	new = &config->settings[config->count];
	*new = *setting;
	new->key = strdup(setting->key);
	new->rest = strdup(setting->rest);
	if (!new->key || !new->rest) {
		free(new->key);
		free(new->rest);
		return -ENOMEM;
	}
	config->count++;
	return 0;
}

/* one logical line, which is modified */
static int line_take(struct module_config *config, char *line, const struct module_setting *where)
{
	static const char blanks[] = "\t ";
	struct module_setting setting = *where;
	char *rest = line;
	char *verb, *key;
	size_t i = 0;

	if (*line == '\0' || *line == '#')
		return 0;
	rest += strspn(rest, blanks);
	verb = strsep(&rest, blanks);
	if (*verb == '\0')
		return 0;
	while (i < COUNT_OF(verbs) && !text_equal(verb, verbs[i].name))
		i++;
	if (rest)
		rest += strspn(rest, blanks);
	key = strsep(&rest, blanks);
	if (rest)
		rest += strspn(rest, blanks);
	if (i == COUNT_OF(verbs) || !key || !*key || (verbs[i].words > 1 && (!rest || !*rest))) {
		warn("'%s' line %u: modprobe does not understand '%s' there, skipping", where->file,
		     where->line, verb);
		return 0;
	}
	module_name_normal(key);
	setting.verb = verbs[i].verb;
	setting.key = key;
	setting.rest = rest ? rest : line + strlen(line);
	text_format(&config->text, "%s %s %s\n", verbs[i].name, setting.key, setting.rest);
	return setting_add(config, &setting);
}

static int file_take(struct module_config *config, const struct sysroot *root, const char *path,
		     bool is_own)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	struct module_setting where = { .is_own = is_own };
	unsigned lines = 1;
	int r;

	r = sysroot_read(root, path, CONFIG_LIMIT, &content);
	if (r == -ENOENT)
		return 0; /* a dangling symlink: modprobe passes over it as well */
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		warn("cannot read '%s': %s, skipping", path, strerror(-r));
		return 0;
	}
	if (strings_add(&config->files, path) < 0)
		return -ENOMEM;
	where.file = config->files.items[config->files.count - 1];

	for (const char *position = text_string(&content); *position;) {
		where.line = lines;
		text_clear(&line);
		for (; *position && *position != '\n'; position++) {
			if (*position == '\\' && position[1] == '\n') {
				position++; /* the line goes on */
				lines++;
			} else {
				text_add_char(&line, *position);
			}
		}
		if (*position == '\n')
			position++;
		lines++;
		if (line.failed)
			return -ENOMEM;
		r = line.data ? line_take(config, line.data, &where) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

struct config_file {
	const char *name; /* within path */
	char *path;
};

static int file_compare(const void *left, const void *right)
{
	const struct config_file *a = left;
	const struct config_file *b = right;

	return strcmp(a->name, b->name);
}

struct config_files {
	struct config_file *items;
	size_t count;
};

static void files_free(struct config_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->items[i].path);
	free(files->items);
}

/* the first folder's file wins */
static int files_add(struct config_files *files, const char *folder, const char *name)
{
	struct config_file *items;
	char *path;

	for (size_t i = 0; i < files->count; i++) {
		if (text_equal(files->items[i].name, name))
			return 0;
	}
	items = reallocarray(files->items, files->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	files->items = items;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	items[files->count++] = (struct config_file){ path + strlen(folder) + 1, path };
	return 0;
}

static int folder_list(const struct sysroot *root, const char *folder, struct config_files *files)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *entry;
	int r;

	r = sysroot_opendir(root, folder, &directory);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0) {
		warn("cannot read '%s': %s, skipping", folder, strerror(-r));
		return 0;
	}
	while ((entry = readdir(directory)) != NULL) {
		if (entry->d_name[0] == '.' || (!text_ends_with(entry->d_name, ".conf") &&
						!text_ends_with(entry->d_name, ".alias")))
			continue;
		r = files_add(files, folder, entry->d_name);
		if (r < 0)
			return r;
	}
	return 0;
}

int module_config_read(const struct sysroot *root, const char *directory,
		       struct module_config *ret_config)
{
	CLEANUP(files_free) struct config_files files = { 0 };
	int r;

	r = files_add(&files, directory, OWN_SOFTDEPS);
	for (size_t i = 0; r >= 0 && i < COUNT_OF(folders); i++)
		r = folder_list(root, folders[i], &files);
	if (files.count)
		qsort(files.items, files.count, sizeof(*files.items), file_compare);
	for (size_t i = 0; r >= 0 && i < files.count; i++)
		r = file_take(ret_config, root, files.items[i].path,
			      text_equal(files.items[i].name, OWN_SOFTDEPS));
	if (r >= 0 && ret_config->text.failed)
		r = -ENOMEM;
	return r < 0 ? fail(r, "cannot read the modprobe.d of the root '%s'", root->path) : 0;
}
