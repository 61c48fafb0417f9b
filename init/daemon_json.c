/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon_json.c - dockerd's settings, in its file and on its command line
 *
 * In:    a JSON file, dockerd's arguments
 * Out:   the object, or what is wrong with it; what is in both
 * Not:   which keys and values dockerd knows: that differs with its version
 * Facts: dockerd(8): a setting in both is an error, also where they agree. A flag that can stand
 *        several times is the plural in the file: --label, labels
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon_json.h"
#include "dockerd_words.h"
#include "lib/file.h"

#define MOST_BYTES (1 << 20)
#define USUAL_PLACE "/etc/docker/daemon.json"

/* flags whose name says nothing of their key */
static const struct {
	const char *flag, *key;
} flag_rows[] = {
	{ "graph", "data-root" },
	{ "add-runtime", "runtimes" },
	{ "insecure-registry", "insecure-registries" },
};

int daemon_json_read(const char *path, json_t **ret_object, struct text *reason)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	json_error_t error;
	json_t *object;
	int r = file_read(AT_FDCWD, path, MOST_BYTES, &content);

	if (r < 0)
		return r;
	object = json_loadb(text_string(&content), content.length, 0, &error);
	if (object && json_is_object(object)) {
		*ret_object = object;
		return 0;
	}
	if (object)
		text_add(reason, "it holds no object, { ... }");
	else
		text_format(reason, "line %d, column %d: %s", error.line, error.column, error.text);
	json_decref(object);
	return -EINVAL;
}

/* whether the flag @name sets @key; one that can stand several times is the plural in the file */
static bool is_flag_of(const char *name, const char *key)
{
	const char *rest;

	for (size_t i = 0; i < COUNT_OF(flag_rows); i++)
		if (text_equal(flag_rows[i].flag, name))
			return text_equal(key, flag_rows[i].key);
	rest = *name ? text_after(key, name) : NULL;
	return rest && (text_equal(rest, "") || text_equal(rest, "s"));
}

const char *daemon_json_conflict(json_t *object, char *const *words, const char **ret_word)
{
	const char *key;
	json_t *item;

	json_object_foreach(object, key, item)
	{
		struct dockerd_words all = { .words = words };
		struct dockerd_option option;

		while (dockerd_words_next(&all, &option)) {
			if (!is_flag_of(option.name, key))
				continue;
			*ret_word = words[option.first];
			return key;
		}
	}
	return NULL;
}

int daemon_json_texts(json_t *object, char *const *words, const char *key,
		      struct strings *ret_texts)
{
	json_t *setting = json_object_get(object, key), *item;
	struct dockerd_words all = { .words = words };
	struct dockerd_option option;
	size_t index;
	int r = 0;

	while (r == 0 && dockerd_words_next(&all, &option))
		if (option.value && is_flag_of(option.name, key))
			r = strings_add(ret_texts, option.value);
	if (r == 0 && json_is_string(setting))
		r = strings_add(ret_texts, json_string_value(setting));
	json_array_foreach(setting, index, item)
	{
		if (r == 0 && json_is_string(item))
			r = strings_add(ret_texts, json_string_value(item));
	}
	return r;
}

const char *daemon_json_place(char *const *words)
{
	struct dockerd_option option;

	return dockerd_words_find(words, "config-file", &option) && option.value ? option.value
										 : USUAL_PLACE;
}
