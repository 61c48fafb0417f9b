/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h - a tree of YAML values, each with the place it comes from
 *
 * Knows nothing of the schema. Strings and children are owned by their parent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum value_kind { VALUE_NULL, VALUE_SCALAR, VALUE_LIST, VALUE_MAP };

/* where something was said. @file is a label without folders of the build machine: "docker.yaml",
 * "only-docker.d/10-local.yaml", "--set". It lives as long as the process. */
struct origin {
	const char *file;
	unsigned line, column; /* from 1; 0: does not apply */
};

struct value {
	enum value_kind kind;
	struct origin origin; /* of the value itself */
	char *scalar;         /* VALUE_SCALAR: its text */
	bool is_quoted;       /* VALUE_SCALAR: stood in quotes, so "null" and "1" are text */
	size_t count;         /* VALUE_LIST, VALUE_MAP */
	struct value **items;
	char **keys; /* VALUE_MAP: keys[i] belongs to items[i]; order of first mention */
	struct origin *key_origins;
};

struct value *value_new(enum value_kind kind, struct origin origin);
struct value *value_new_scalar(const char *scalar, struct origin origin);
void value_free(struct value *value);
static inline void value_cleanup(struct value **value)
{
	value_free(*value);
	*value = NULL;
}

/** value_list_add(), value_map_add() - the parent owns @item from then on. Return: 0 or -ENOMEM */
int value_list_add(struct value *list, struct value *item);
int value_map_add(struct value *map, const char *key, struct origin key_origin, struct value *item);

/** value_map_get() - the child with @key, or NULL; also NULL when @map is NULL or no map */
struct value *value_map_get(const struct value *map, const char *key);

/** value_map_remove() - drop the entry with @key; nothing when there is none */
void value_map_remove(struct value *map, const char *key);

/**
 * value_get() - walk down by keys: value_get(root, "boot", "disk", "find", NULL)
 *
 * Return: the value, or NULL when any step is missing. A VALUE_NULL counts as missing.
 */
struct value *value_get(const struct value *root, ...) __attribute__((sentinel));

/** value_text() - the scalar's text, or @otherwise when @value is NULL or no scalar */
const char *value_text(const struct value *value, const char *otherwise);

/**
 * value_merge() - lay @above over @base: maps merge key by key, everything else replaces, and a
 * VALUE_NULL removes the entry. Takes what it needs out of @above, which the caller still frees.
 * Merged onto an empty map, a tree loses its nulls.
 */
int value_merge(struct value *base, struct value *above);
