/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.c - a tree of YAML values, and how one is laid over another (see value.h)
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"

#define NOT_THERE SIZE_MAX

struct value *value_new(enum value_kind kind, struct origin origin)
{
	struct value *value = calloc(1, sizeof(*value));

	if (!value)
		return NULL;
	value->kind = kind;
	value->origin = origin;
	return value;
}

struct value *value_new_scalar(const char *scalar, struct origin origin)
{
	struct value *value = value_new(VALUE_SCALAR, origin);

	if (!value)
		return NULL;
	value->scalar = strdup(scalar);
	if (!value->scalar) {
		value_free(value);
		return NULL;
	}
	return value;
}

void value_free(struct value *value)
{
	if (!value)
		return;
	for (size_t i = 0; i < value->count; i++) {
		value_free(value->items[i]);
		if (value->keys)
			free(value->keys[i]);
	}
	free(value->items);
	free(value->keys);
	free(value->key_origins);
	free(value->scalar);
	free(value);
}

int value_list_add(struct value *list, struct value *item)
{
	struct value **items;

	if (!item)
		return -ENOMEM;
	items = reallocarray(list->items, list->count + 1, sizeof(struct value *));
	if (!items) {
		value_free(item);
		return -ENOMEM;
	}
	list->items = items;
	list->items[list->count++] = item;
	return 0;
}

int value_map_add(struct value *map, const char *key, struct origin key_origin, struct value *item)
{
	size_t count = map->count + 1;
	struct value **items = reallocarray(map->items, count, sizeof(struct value *));
	char **keys;
	struct origin *origins;
	char *copy;

	if (items)
		map->items = items;
	keys = reallocarray(map->keys, count, sizeof(*keys));
	if (keys)
		map->keys = keys;
	origins = reallocarray(map->key_origins, count, sizeof(*origins));
	if (origins)
		map->key_origins = origins;
	copy = strdup(key);
	if (!item || !items || !keys || !origins || !copy) {
		free(copy);
		value_free(item);
		return -ENOMEM;
	}
	map->items[map->count] = item;
	map->keys[map->count] = copy;
	map->key_origins[map->count] = key_origin;
	map->count = count;
	return 0;
}

static size_t map_find(const struct value *map, const char *key)
{
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->keys[i], key) == 0)
			return i;
	return NOT_THERE;
}

struct value *value_map_get(const struct value *map, const char *key)
{
	size_t at = map && map->kind == VALUE_MAP ? map_find(map, key) : NOT_THERE;

	return at == NOT_THERE ? NULL : map->items[at];
}

struct value *value_get(const struct value *root, ...)
{
	const struct value *parent = root;
	struct value *value = NULL;
	const char *key;
	va_list keys;

	va_start(keys, root);
	while ((key = va_arg(keys, const char *)) != NULL) {
		value = value_map_get(parent, key);
		if (value && value->kind == VALUE_NULL)
			value = NULL;
		parent = value;
	}
	va_end(keys);
	return value;
}

const char *value_text(const struct value *value, const char *otherwise)
{
	return value && value->kind == VALUE_SCALAR ? value->scalar : otherwise;
}

void value_map_remove(struct value *map, const char *key)
{
	size_t at = map_find(map, key);
	size_t after;

	if (at == NOT_THERE)
		return;
	value_free(map->items[at]);
	free(map->keys[at]);
	after = --map->count - at;
	memmove(&map->items[at], &map->items[at + 1], after * sizeof(struct value *));
	memmove(&map->keys[at], &map->keys[at + 1], after * sizeof(*map->keys));
	memmove(&map->key_origins[at], &map->key_origins[at + 1],
		after * sizeof(*map->key_origins));
}

/* a map that lies over nothing: its nulls have nothing to remove, and go */
static void strip_nulls(struct value *map)
{
	if (map->kind != VALUE_MAP)
		return;
	for (size_t i = 0; i < map->count;) {
		if (map->items[i]->kind == VALUE_NULL) {
			value_map_remove(map, map->keys[i]);
			continue;
		}
		strip_nulls(map->items[i]);
		i++;
	}
}

static void swap_values(struct value **a, struct value **b)
{
	struct value *kept = *a;

	*a = *b;
	*b = kept;
}

int value_merge(struct value *base, struct value *above)
{
	if (base->kind != VALUE_MAP || above->kind != VALUE_MAP) {
		struct value kept = *base;

		*base = *above;
		*above = kept;
		strip_nulls(base);
		return 0;
	}
	for (size_t i = 0; i < above->count; i++) {
		struct value *item = above->items[i];
		size_t at = map_find(base, above->keys[i]);
		int r = 0;

		if (item->kind == VALUE_NULL) {
			value_map_remove(base, above->keys[i]);
		} else if (at == NOT_THERE) {
			strip_nulls(item);
			/* a null takes its place: @above stays a tree that can be read and freed */
			above->items[i] = value_new(VALUE_NULL, item->origin);
			if (!above->items[i]) {
				above->items[i] = item;
				return -ENOMEM;
			}
			r = value_map_add(base, above->keys[i], above->key_origins[i], item);
		} else if (item->kind == VALUE_MAP && base->items[at]->kind == VALUE_MAP) {
			r = value_merge(base->items[at], item);
		} else {
			strip_nulls(item);
			swap_values(&base->items[at], &above->items[i]);
			base->key_origins[at] = above->key_origins[i];
		}
		if (r < 0)
			return r;
	}
	return 0;
}
