/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_map.c - a map from strings to pointers, over the C library's balanced tree
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "path_map.h"

struct path_node {
	const char *path;
	char *copy; /* of the path; a look-up compares with a node that has none */
	void *value;
	void (*free_value)(void *value);
};

static int node_order(const void *left, const void *right)
{
	const struct path_node *a = left, *b = right;

	return strcmp(a->path, b->path);
}

static void node_free(void *pointer)
{
	struct path_node *node = pointer;

	if (node->free_value)
		node->free_value(node->value);
	free(node->copy);
	free(node);
}

void *path_map_get(const struct path_map *map, const char *path)
{
	const struct path_node wanted = { .path = path };
	struct path_node *const *found = tfind(&wanted, &map->tree, node_order);

	return found ? (*found)->value : NULL;
}

int path_map_put(struct path_map *map, const char *path, void *value,
		 void (*free_value)(void *value))
{
	struct path_node *node = calloc(1, sizeof(*node));

	if (!node)
		return -ENOMEM;
	node->path = node->copy = strdup(path);
	if (!node->copy || !tsearch(node, &map->tree, node_order)) {
		free(node->copy);
		free(node);
		return -ENOMEM;
	}
	node->value = value;
	node->free_value = free_value;
	return 0;
}

void path_map_remove(struct path_map *map, const char *path)
{
	const struct path_node wanted = { .path = path };
	struct path_node *const *found = tfind(&wanted, &map->tree, node_order);
	struct path_node *node = found ? *found : NULL;

	if (!node)
		return;
	(void)tdelete(node, &map->tree, node_order);
	node_free(node);
}

void path_map_free(struct path_map *map)
{
	tdestroy(map->tree, node_free);
	map->tree = NULL;
}
