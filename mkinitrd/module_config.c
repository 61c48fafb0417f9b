/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_config.c - read the root's modprobe.d (see module_config.h)
 *
 * In:    /etc/modprobe.d, /run/modprobe.d, ... of the root; modules.softdep and modules.weakdep of
 *        the kernel
 * Out:   settings, and one text with all of them for libkmod (module_tree.c), but for weakdeps,
 *        which libkmod knows from version 33 on
 * Not:   what a setting does to a module
 * Facts: modprobe.d(5). modules.softdep takes its place among the files by its name (kmod's
 *        libkmod/libkmod-config.c, kmod_config_new()). That order decides: the first softdep of a
 *        module is the only one in force.
 *
 * libkmod would open these files by itself, and then follow an absolute symlink out of the root,
 * and add the options on the command line of the kernel that happens to run here.
 */
#include <errno.h>
#include <string.h>

#include "module_config.h"
#include "config_files.h"
#include "fail.h"

/* what depmod collected from the modules */
static const char *const own_files[] = { "modules.softdep", "modules.weakdep" };

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
	{ "weakdep", MODULE_WEAKDEP, 2 },
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

bool module_setting_forbids(const struct module_setting *setting)
{
	static const char *const words[] = { "false", "true", ":" };
	size_t length = strcspn(setting->rest, "\t ");
	const char *word = setting->rest;

	if (setting->verb != MODULE_INSTALL ||
	    setting->rest[length + strspn(setting->rest + length, "\t ")])
		return false;
	for (size_t i = 0; i < length; i++) {
		if (setting->rest[i] == '/')
			word = setting->rest + i + 1;
	}
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strncmp(word, words[i], strlen(words[i])) == 0 &&
		    word + strlen(words[i]) == setting->rest + length)
			return true;
	}
	return false;
}

int module_config_add(struct module_config *config, const struct module_setting *setting)
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

/* As libkmod wants it, which otherwise prints a line of its own and ignores the setting: no ']'
 * without a '[' before it, nor the other way round (kmod's shared/util.c, underscores()) */
static bool has_paired_brackets(const char *word)
{
	for (; *word && !strchr("\t ", *word); word++) {
		if (*word == ']')
			return false;
		if (*word == '[') {
			word += strcspn(word, "]\t ");
			if (*word != ']')
				return false;
		}
	}
	return true;
}

struct reader {
	struct module_config *config;
	const char *file; /* of config->files */
	bool is_own;
};

/* one logical line, which is modified */
static int line_take(void *context, char *line, const char *path UNUSED, unsigned number)
{
	static const char blanks[] = "\t ";
	const struct reader *reader = context;
	struct module_config *config = reader->config;
	struct module_setting setting = { .is_own = reader->is_own,
					  .file = reader->file,
					  .line = number };
	char *rest = line;
	char *verb, *key;
	size_t i = 0;

	if (*line == '#')
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
		warn("'%s' line %u: modprobe does not understand '%s' there, skipping",
		     setting.file, setting.line, verb);
		return 0;
	}
	if (!has_paired_brackets(key) ||
	    (verbs[i].verb == MODULE_ALIAS && rest && !has_paired_brackets(rest))) {
		warn("'%s' line %u: brackets of '%s' that are not paired, so modprobe ignores the "
		     "line; mend or drop it",
		     setting.file, setting.line, has_paired_brackets(key) ? rest : key);
		return 0;
	}
	module_name_normal(key);
	setting.verb = verbs[i].verb;
	setting.key = key;
	setting.rest = rest ? rest : line + strlen(line);
	if (setting.verb != MODULE_WEAKDEP)
		text_format(&config->text, "%s %s %s\n", verbs[i].name, setting.key, setting.rest);
	return module_config_add(config, &setting);
}

/* @own: what the kernel's modules say where the root has no such file, or NULL */
static int file_take(struct module_config *config, const struct sysroot *root,
		     const struct config_file *file, const char *own)
{
	struct reader reader = { .config = config };

	if (strings_add(&config->files, file->path) < 0)
		return -ENOMEM;
	reader.file = config->files.items[config->files.count - 1];
	for (size_t i = 0; i < COUNT_OF(own_files); i++)
		reader.is_own = reader.is_own || text_equal(file->name, own_files[i]);
	return own ? config_text_lines(own, file->path, line_take, &reader)
		   : config_file_lines(root, file->path, line_take, &reader);
}

int module_config_read(const struct sysroot *root, const char *directory,
		       const struct module_index *computed, struct module_config *ret_config)
{
	CLEANUP(config_files_free) struct config_files files = CONFIG_FILES_EMPTY;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < COUNT_OF(own_files); i++)
		r = config_files_add(&files, directory, own_files[i]);
	for (size_t i = 0; r >= 0 && i < COUNT_OF(folders); i++)
		r = config_files_list(root, folders[i], ".conf", ".alias", &files);
	config_files_sort(&files);
	for (size_t i = 0; r >= 0 && i < files.count; i++)
		r = file_take(ret_config, root, &files.items[i],
			      computed ? module_index_find(computed, files.items[i].name) : NULL);
	if (r >= 0 && ret_config->text.failed)
		r = -ENOMEM;
	return r < 0 ? fail(r, "cannot read the modprobe.d of the root '%s'", root->path) : 0;
}
