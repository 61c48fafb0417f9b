/* SPDX-License-Identifier: Apache-2.0 */
/*
 * depmod_config.c - depmod.d of a root: which of two module files with one name counts
 *
 * In:    *.conf in the folders of depmod.d(5)
 * Out:   the order of folders, the overrides, the folders left out and those outside
 * Not:   modprobe.d (module_config.c)
 * Facts: depmod.d(5); kmod's tools/depmod.c, depmod_module_is_higher_priority()
 */
#include <regex.h>
#include <string.h>

#include "config_files.h"
#include "depmod_config.h"
#include "fail.h"

#define BUILT_IN "built-in" /* a word of depmod.d for whatever no other word is for */

struct reading {
	struct depmod_config *config;
	const char *release;
};

void depmod_config_free(struct depmod_config *config)
{
	strings_free(&config->searches);
	strings_free(&config->overrides);
	strings_free(&config->excludes);
	strings_free(&config->externals);
}

static bool release_matches(const char *pattern, const char *release)
{
	regex_t expression;
	bool is_match;

	if (text_equal(pattern, "*"))
		return true;
	if (regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	is_match = regexec(&expression, release, 0, NULL, 0) == 0;
	regfree(&expression);
	return is_match;
}

static int words_add(struct strings *words, char *rest)
{
	const char *word;
	int r = 0;

	while (r == 0 && (word = strsep(&rest, "\t ")) != NULL)
		r = *word ? strings_add(words, word) : 0;
	return r;
}

static int line_take(void *context, char *line, const char *path, unsigned number)
{
	struct reading *reading = context;
	struct depmod_config *config = reading->config;
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	int r;

	if (*line == '#')
		return 0;
	r = words_add(&words, line);
	if (r < 0 || words.count == 0)
		return r;
	if (text_equal(words.items[0], "search") || text_equal(words.items[0], "exclude")) {
		struct strings *list = text_equal(words.items[0], "search") ? &config->searches
									    : &config->excludes;

		for (size_t i = 1; r == 0 && i < words.count; i++)
			r = strings_add(list, words.items[i]);
		return r;
	}
	if (text_equal(words.items[0], "override") && words.count >= 4)
		return release_matches(words.items[2], reading->release)
			       ? strings_add_format(&config->overrides, "%s/%s", words.items[3],
						    words.items[1])
			       : 0;
	if (text_equal(words.items[0], "external") && words.count >= 3) {
		bool is_match = release_matches(words.items[1], reading->release);

		for (size_t i = 2; is_match && r == 0 && i < words.count; i++)
			r = strings_add(&config->externals, words.items[i]);
		return r;
	}
	note("'%s' line %u: '%s' is not followed here, skipping", path, number, words.items[0]);
	return 0;
}

int depmod_config_read(const struct sysroot *root, const char *release,
		       struct depmod_config *config)
{
	static const char *const folders[] = {
		"/etc/depmod.d",     "/run/depmod.d", "/usr/local/lib/depmod.d",
		"/usr/lib/depmod.d", "/lib/depmod.d",
	};
	CLEANUP(config_files_free) struct config_files files = CONFIG_FILES_EMPTY;
	struct reading reading = { .config = config, .release = release };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < COUNT_OF(folders); i++)
		r = config_files_list(root, folders[i], ".conf", NULL, &files);
	config_files_sort(&files);
	for (size_t i = 0; r >= 0 && i < files.count; i++)
		r = config_file_lines(root, files.items[i].path, line_take, &reading);
	if (r >= 0 && config->searches.count == 0)
		r = strings_add(&config->searches, "updates");
	return r;
}

/* without ".ko" and what follows */
static size_t stem_length(const char *path)
{
	const char *base = base_name(path);

	return (size_t)(base - path) + strcspn(base, ".");
}

static bool is_override(const struct depmod_config *config, const char *path)
{
	size_t length = stem_length(path);

	for (size_t i = 0; i < config->overrides.count; i++) {
		if (strlen(config->overrides.items[i]) == length &&
		    strncmp(config->overrides.items[i], path, length) == 0)
			return true;
	}
	return false;
}

size_t depmod_config_rank(const struct depmod_config *config, const char *path)
{
	size_t rank = config->searches.count;

	if (is_override(config, path))
		return 0;
	for (size_t i = 0; i < config->searches.count; i++) {
		const char *folder = config->searches.items[i];
		const char *rest = text_after(path, folder);

		if (rest && *rest == '/')
			return i + 1;
		if (text_equal(folder, BUILT_IN))
			rank = i;
	}
	return rank + 1;
}
