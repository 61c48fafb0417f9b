/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.c - a foreign tree in memory (see tree.h)
 *
 * In:    objects at paths, in the order in which layers have them; whiteouts
 * Out:   members, by path and as a tree
 * Not:   where they come from (tree_archive.c, tree_directory.c, tree_image.c), where they go
 *        (resolve_trees.c)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "path_map.h"
#include "tree.h"

struct tree {
	struct tree_member root;
	struct path_map places;
	size_t count;
	uint64_t memory;
	unsigned level;
	const char *layer;
};

struct tree *tree_new(void)
{
	return calloc(1, sizeof(struct tree));
}

void tree_object_release(struct tree_object **pointer)
{
	struct tree_object *object = *pointer;

	*pointer = NULL;
	if (!object || --object->references)
		return;
	xattrs_free(&object->xattrs);
	free(object->target);
	free(object->source.path);
	free(object->source.stored);
	free(object);
}

struct tree_object *tree_object_new(enum entry_type type, mode_t mode)
{
	struct tree_object *object = calloc(1, sizeof(*object));

	if (!object)
		return NULL;
	object->references = 1;
	object->type = type;
	object->mode = mode & 07777;
	object->source.directory_fd = -1;
	return object;
}

static uint64_t object_memory(const struct tree_object *object)
{
	uint64_t bytes = sizeof(*object) + (object->target ? strlen(object->target) : 0);

	for (size_t i = 0; i < object->xattrs.count; i++)
		bytes += object->xattrs.items[i].size + strlen(object->xattrs.items[i].name) +
			 sizeof(struct xattr);
	return bytes;
}

static uint64_t member_memory(const struct tree_member *member)
{
	return sizeof(*member) + strlen(member->path) + object_memory(member->object);
}

/* without its children, which are gone */
static void member_free(struct tree *tree, struct tree_member *member)
{
	if (member->previous)
		member->previous->next = member->next;
	else
		member->parent->children = member->next;
	if (member->next)
		member->next->previous = member->previous;
	path_map_remove(&tree->places, member->path);
	tree->count--;
	tree->memory -= member_memory(member);
	tree_object_release(&member->object);
	free(member->path);
	free(member);
}

/* the deepest first child below @member: nothing is below it */
static struct tree_member *deepest(struct tree_member *member)
{
	while (member->children)
		member = member->children;
	return member;
}

/* all below @member; as a loop, for how deep it is an archive says */
static void remove_below(struct tree *tree, struct tree_member *member)
{
	while (member->children)
		member_free(tree, deepest(member));
}

static void remove_member(struct tree *tree, struct tree_member *member)
{
	remove_below(tree, member);
	member_free(tree, member);
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	remove_below(tree, &tree->root);
	path_map_free(&tree->places);
	free(tree);
}

void tree_layer(struct tree *tree, const char *name)
{
	tree->layer = name;
	tree->level++;
}

void tree_level(struct tree *tree)
{
	tree->level++;
}

size_t tree_count(const struct tree *tree)
{
	return tree->count;
}

struct tree_member *tree_get(const struct tree *tree, const char *path)
{
	return path_map_get(&tree->places, path);
}

/* a member for @object at @path, whose parent is there */
static int member_add(struct tree *tree, struct tree_member *parent, const char *path,
		      struct tree_object *object)
{
	struct tree_member *member;

	if (tree->count >= TREE_ENTRIES_MOST)
		return -E2BIG;
	member = calloc(1, sizeof(*member));
	if (!member)
		return -ENOMEM;
	member->path = strdup(path);
	member->object = object;
	if (!member->path || path_map_put(&tree->places, path, member, NULL) < 0) {
		free(member->path);
		free(member);
		return -ENOMEM;
	}
	object->references++;
	member->name = base_name(member->path);
	member->parent = parent;
	member->level = tree->level;
	member->next = parent->children;
	if (member->next)
		member->next->previous = member;
	parent->children = member;
	tree->count++;
	tree->memory += member_memory(member);
	return tree->memory > TREE_MEMORY_MOST ? -EOVERFLOW : 0;
}

/* the directory @path, which nobody gave an entry of its own */
static int parent_add(struct tree *tree, struct tree_member *parent, const char *path)
{
	struct tree_object *object = tree_object_new(ENTRY_DIRECTORY, 0755);
	int r;

	if (!object)
		return -ENOMEM;
	object->layer = tree->layer;
	r = member_add(tree, parent, path, object);
	tree_object_release(&object);
	return r;
}

/* the directory above @path, made with its own when it is missing */
static int parent_find(struct tree *tree, const char *path, struct tree_member **ret_parent)
{
	CLEANUP(memory_free) char *copy = strdup(path);
	struct tree_member *parent = &tree->root;

	if (!copy)
		return -ENOMEM;
	for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct tree_member *member;
		int r = 0;

		*slash = '\0';
		member = tree_get(tree, copy);
		if (!member)
			r = parent_add(tree, parent, copy);
		else if (member->object->type == ENTRY_SYMLINK)
			return -ELOOP;
		else if (member->object->type != ENTRY_DIRECTORY)
			return -ENOTDIR;
		if (r < 0)
			return r;
		parent = member ? member : tree_get(tree, copy);
		*slash = '/';
	}
	*ret_parent = parent;
	return 0;
}

/* another layer of the profile had something there, and something else */
static const char *covered_layer(const struct tree *tree, const struct tree_object *below)
{
	return below->layer && tree->layer && below->layer != tree->layer ? below->layer
									  : below->over;
}

int tree_put(struct tree *tree, const char *path, struct tree_object *object)
{
	struct tree_member *member = tree_get(tree, path), *parent = NULL;
	int r = parent_find(tree, path, &parent);

	if (r < 0)
		return r;
	object->layer = tree->layer;
	if (!member)
		return member_add(tree, parent, path, object);
	if (member->object == object)
		return 0;
	if (object->type != ENTRY_DIRECTORY || member->object->type != ENTRY_DIRECTORY)
		object->over = covered_layer(tree, member->object);
	if (object->type == ENTRY_DIRECTORY && member->object->type == ENTRY_SYMLINK &&
	    member->object->layer != object->layer)
		return -ENOTUNIQ;
	if (object->type != ENTRY_DIRECTORY || member->object->type != ENTRY_DIRECTORY) {
		remove_member(tree, member);
		return member_add(tree, parent, path, object);
	}
	tree->memory -= member_memory(member);
	tree_object_release(&member->object);
	object->references++;
	member->object = object;
	member->level = tree->level;
	tree->memory += member_memory(member);
	return tree->memory > TREE_MEMORY_MOST ? -EOVERFLOW : 0;
}

/* the next one of a walk that leaves the children of @member behind it */
static struct tree_member *walk_up(struct tree_member *top, struct tree_member *member)
{
	return member->next ? deepest(member->next) : member->parent == top ? NULL : member->parent;
}

void tree_white_out(struct tree *tree, const char *path, bool below)
{
	struct tree_member *top = *path ? tree_get(tree, path) : &tree->root;
	struct tree_member *next;

	if (!top)
		return;
	/* children first: a directory goes when nothing of this level is left in it */
	for (struct tree_member *member = top->children ? deepest(top) : NULL; member;
	     member = next) {
		next = walk_up(top, member);
		if (member->level < tree->level && !member->children)
			member_free(tree, member);
	}
	if (!below && top != &tree->root && top->level < tree->level && !top->children)
		member_free(tree, top);
}

const char *tree_problem(int error)
{
	static const struct {
		int error;
		const char *problem;
	} problems[] = {
		{ -ELOOP, "is below a symlink, and would be written through it" },
		{ -ENOTDIR, "is below what is no directory" },
		{ -E2BIG, "is one entry too many: a tree has at most 500000" },
		{ -EOVERFLOW, "is too much: names and attributes of a tree have at most 128 MB" },
		{ -ENOTUNIQ, "is a directory, and a symlink in the tree below; put its files where "
			     "the symlink leads to" },
		{ -ENOMEM, "finds no memory left" },
	};

	for (size_t i = 0; i < COUNT_OF(problems); i++)
		if (problems[i].error == error)
			return problems[i].problem;
	return strerror(-error);
}

static int member_order(const void *left, const void *right)
{
	const struct tree_member *a = *(struct tree_member *const *)left;
	const struct tree_member *b = *(struct tree_member *const *)right;

	return strcmp(a->path, b->path);
}

int tree_walk(struct tree *tree, int (*visit)(struct tree_member *member, void *context),
	      void *context)
{
	CLEANUP(memory_free) struct tree_member **members = NULL;
	size_t count = 0;
	int r = 0;

	members = calloc(tree->count + 1, sizeof(struct tree_member *));
	if (!members)
		return -ENOMEM;
	for (struct tree_member *member = tree->root.children ? deepest(&tree->root) : NULL; member;
	     member = walk_up(&tree->root, member))
		members[count++] = member;
	/* by the bytes of the whole path: that puts parents first */
	qsort(members, count, sizeof(struct tree_member *), member_order);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = visit(members[i], context);
	return r;
}
