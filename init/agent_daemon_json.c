/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_daemon_json.c - dockerd's settings, in its file and on its command line
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

#include "agent_daemon_json.h"
#include "lib/file.h"

#define MOST_BYTES (1 << 20)
#define USUAL_PLACE "/etc/docker/daemon.json"

/* flags whose name says nothing of their key */
static const struct {
	const char *flag, *key;
} flag_rows[] = {
	{ "-b", "bridge" },
	{ "-D", "debug" },
	{ "-g", "data-root" },
	{ "--graph", "data-root" },
	{ "-G", "group" },
	{ "-H", "hosts" },
	{ "-l", "log-level" },
	{ "-p", "pidfile" },
	{ "-s", "storage-driver" },
	{ "--add-runtime", "runtimes" },
	{ "--insecure-registry", "insecure-registries" },
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

/* whether the argument @word is the flag of @key; @ret_value: what follows its '=', else NULL */
static bool is_flag_of(const char *word, const char *key, const char **ret_value)
{
	size_t length = strcspn(word, "="), name = length >= 2 ? length - 2 : 0;
	const char *rest;

	*ret_value = word[length] ? word + length + 1 : NULL;
	for (size_t i = 0; i < COUNT_OF(flag_rows); i++)
		if (strlen(flag_rows[i].flag) == length &&
		    strncmp(word, flag_rows[i].flag, length) == 0)
			return text_equal(key, flag_rows[i].key);
	if (name == 0 || !text_after(word, "--") || strncmp(key, word + 2, name) != 0)
		return false;
	rest = key + name;
	return text_equal(rest, "") || text_equal(rest, "s");
}

const char *daemon_json_conflict(json_t *object, char *const *words, const char **ret_word)
{
	const char *key, *value;
	json_t *item;

	json_object_foreach(object, key, item)
	{
		for (size_t i = 0; words[i]; i++) {
			if (!is_flag_of(words[i], key, &value))
				continue;
			*ret_word = words[i];
			return key;
		}
	}
	return NULL;
}

int daemon_json_texts(json_t *object, char *const *words, const char *key,
		      struct strings *ret_texts)
{
	json_t *setting = json_object_get(object, key), *item;
	const char *value;
	size_t index;
	int r = 0;

	for (size_t i = 0; r == 0 && words[i]; i++) {
		if (!is_flag_of(words[i], key, &value))
			continue;
		if (!value)
			value = words[i + 1];
		if (value)
			r = strings_add(ret_texts, value);
	}
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
	const char *value;

	for (size_t i = 0; words[i]; i++)
		if (is_flag_of(words[i], "config-file", &value)) {
			if (!value)
				value = words[i + 1];
			return value ? value : USUAL_PLACE;
		}
	return USUAL_PLACE;
}
