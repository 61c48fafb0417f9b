/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_calls.c - what a program that init starts calls, and whether the image has it
 *
 * In:    "calls:" of a service or of main: names of programs, each with the ways to do without
 * Out:   one error for a program that is neither there nor done without
 * Not:   packing them: that is for "programs:", so that leaving one out is a decision
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "fail.h"
#include "plan.h"
#include "resolve_trees.h"
#include "../init/lib/file.h"

#define SETTINGS_MOST (1 << 20)

int plan_program_place(struct resolve *resolve, const char *name, const struct origin *at,
		       char **ret_path)
{
	CLEANUP(memory_free) char *found = NULL;
	CLEANUP(memory_free) char *place = NULL;
	int r = trees_program(resolve, name, ret_path);

	if (r != -ENOENT)
		return r;
	r = resolve_program_find(resolve->root, name, &found);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fail(r, "cannot look for '%s' in the root '%s'", name, resolve->root->path);
	r = resolve_place(resolve, found, "program", at, &place);
	if (r < 0 || !manifest_find(resolve->manifest, place))
		return r;
	return asprintf(ret_path, "/%s", place) < 0 ? -ENOMEM : 0;
}

/* whether @json, an object, has @key with a value that is written @value */
static bool json_has(const char *json, size_t length, const char *key, const char *value)
{
	json_t *object = json_loadb(json, length, 0, NULL);
	char *found = json_dumps(json_object_get(object, key), JSON_ENCODE_ANY | JSON_COMPACT);
	bool has = found && text_equal(found, value);

	free(found);
	json_decref(object);
	return has;
}

/* "/FILE KEY=VALUE": whether that is set in the image. Return: 1, 0 or a negative errno */
static int file_says(const struct resolve *resolve, const char *setting)
{
	CLEANUP(memory_free) char *copy = strdup(setting);
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	const struct entry *entry;
	char *key, *value;
	int r;

	if (!copy)
		return -ENOMEM;
	key = strchr(copy, ' ');
	value = key ? strchr(key, '=') : NULL;
	if (!value)
		return 0;
	*key++ = '\0';
	*value++ = '\0';
	entry = manifest_find(resolve->manifest, copy + 1);
	if (!entry || entry->type != ENTRY_FILE)
		return 0;
	r = entry_open(entry, &fd);
	if (r < 0)
		return r;
	r = file_read_fd(fd, SETTINGS_MOST, &content);
	if (r < 0)
		return fail(r, "cannot read '%s' of the image", copy);
	return json_has(text_string(&content), content.length, key, value);
}

/* Return: 1 when @way is gone, 0 when it is not, or a negative errno */
static int way_is_taken(const struct resolve *resolve, const char *way, const struct strings *exec)
{
	return *way == '/' ? file_says(resolve, way) : strings_contain(exec, way);
}

/* Return: as above, for any of the ways that @value, a text or a list, names */
static int does_without(const struct resolve *resolve, const struct value *value,
			const struct strings *exec, struct text *ways)
{
	int r = 0;

	if (value->kind == VALUE_SCALAR) {
		text_format(ways, "'%s'", value->scalar);
		return way_is_taken(resolve, value->scalar, exec);
	}
	for (size_t i = 0; r == 0 && i < value->count; i++) {
		const char *way = value_text(value->items[i], "");

		text_format(ways, "%s'%s'", i ? " or " : "", way);
		r = way_is_taken(resolve, way, exec);
	}
	return r;
}

int plan_calls(struct resolve *resolve, const struct value *service, const struct strings *exec)
{
	const struct value *calls = value_get(service, "calls", NULL);

	for (size_t i = 0; calls && i < calls->count; i++) {
		CLEANUP(text_free) struct text ways = TEXT_EMPTY;
		CLEANUP(memory_free) char *path = NULL;
		int r = plan_program_place(resolve, calls->keys[i], &calls->key_origins[i], &path);

		if (r == 0 && !path)
			r = does_without(resolve, calls->items[i], exec, &ways);
		if (r < 0)
			return r;
		if (r == 0 && !path)
			return fail_at(&calls->key_origins[i],
				       "'%s' calls '%s', which is not in the image; put it into "
				       "'programs:', or let it do without by %s",
				       exec->count ? exec->items[0] : "", calls->keys[i],
				       text_string(&ways));
	}
	return 0;
}
