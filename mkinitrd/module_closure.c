/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_closure.c - what comes along with a module, and in which order (see module_tree.h)
 *
 * In:    the tree of a kernel's modules
 * Out:   lists of modules
 * Not:   reading the indexes (module_tree.c)
 */
#include <errno.h>

#include "module_tree.h"

struct closure {
	const struct module_tree *tree;
	struct module_list *list;
	bool *is_visited; /* its dependencies were walked */
	bool *is_listed;
};

static int closure_walk(const struct closure *closure, size_t index);

// NOLINTNEXTLINE(misc-no-recursion): each module is walked once
static int closure_softdeps(const struct closure *closure, const struct module_list *list)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < list->count; i++)
		r = closure_walk(closure, list->items[i]);
	return r;
}

/* a module between its softdeps */
// NOLINTNEXTLINE(misc-no-recursion)
static int closure_add(const struct closure *closure, size_t index)
{
	const struct module *module = &closure->tree->modules[index];
	int r;

	r = module_tree_softdeps(closure->tree, index);
	if (r >= 0)
		r = closure_softdeps(closure, &module->pre);
	if (r >= 0 && !closure->is_listed[index]) {
		closure->is_listed[index] = true;
		r = module_list_add(closure->list, index);
	}
	return r < 0 ? r : closure_softdeps(closure, &module->post);
}

// NOLINTNEXTLINE(misc-no-recursion)
static int closure_walk(const struct closure *closure, size_t index)
{
	const struct module_list *hard = &closure->tree->modules[index].hard;
	int r = 0;

	if (closure->is_visited[index])
		return 0;
	closure->is_visited[index] = true;
	for (size_t i = 0; r >= 0 && i < hard->count; i++)
		r = closure_add(closure, hard->items[i]);
	return r < 0 ? r : closure_add(closure, index);
}

int module_tree_closure(const struct module_tree *tree, size_t index, struct module_list *ret_list)
{
	CLEANUP(memory_free) bool *is_visited = calloc(tree->count, sizeof(*is_visited));
	CLEANUP(memory_free) bool *is_listed = calloc(tree->count, sizeof(*is_listed));
	const struct closure closure = { tree, ret_list, is_visited, is_listed };

	return is_visited && is_listed ? closure_walk(&closure, index) : -ENOMEM;
}

int module_tree_direct(const struct module_tree *tree, size_t index, struct module_list *ret_list)
{
	const struct module_list *hard = &tree->modules[index].hard;

	for (size_t i = 0; i < hard->count; i++) {
		bool is_direct = true;

		for (size_t j = 0; is_direct && j < hard->count; j++)
			is_direct =
				j == i || !module_list_contains(&tree->modules[hard->items[j]].hard,
								hard->items[i]);
		if (is_direct && module_list_add(ret_list, hard->items[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}
