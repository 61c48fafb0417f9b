/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_map.h - what is known about a path, for caches: a map from strings to pointers
 *
 * Quiet. Zero-initialised is empty.
 */
#pragma once

struct path_map {
	void *tree;
};

/** path_map_get() - the value at @path, or NULL */
void *path_map_get(const struct path_map *map, const char *path);

/**
 * path_map_put() - remember @value (not NULL) at @path, which is copied and not there yet
 * @free_value: what path_map_free() gives @value to, or NULL
 *
 * Return: 0 or -ENOMEM; @value stays the caller's then.
 */
int path_map_put(struct path_map *map, const char *path, void *value,
		 void (*free_value)(void *value));

/** path_map_remove() - forget @path, and free its value as path_map_free() does */
void path_map_remove(struct path_map *map, const char *path);
void path_map_free(struct path_map *map);
