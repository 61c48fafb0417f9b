/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_stack.c - which file comes over which, until one tree is left
 *
 * In:    names of profiles, values of --set
 * Out:   one checked tree; each value with the place that it comes from
 * Facts: the order is: what a file includes (depth first, each file once), the file, its drop-ins,
 *        the next -p, --set
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fail.h"
#include "keypath.h"
#include "profile_find.h"
#include "profile_parse.h"
#include "profile_schema.h"
#include "profile_stack.h"
#include "../init/lib/file.h"

#define INCLUDE_DEPTH_LIMIT 32

struct stack {
	struct value *root;
	bool all, is_part;
	unsigned error_count;
	struct value *excluded; /* a map: keys below "kernel.modules" that a null took away */
	struct strings done;    /* canonical paths of files that are in @root */
	struct strings files;   /* their labels, in the same order */
	/* the files whose includes are being read, outermost first */
	struct open_file {
		const char *canonical, *name;
	} open[INCLUDE_DEPTH_LIMIT];
	size_t open_count;
};

static void stack_free(struct stack *stack)
{
	value_free(stack->root);
	value_free(stack->excluded);
	strings_free(&stack->done);
	strings_free(&stack->files);
}

/* an error was said: go on when all are to be said */
static int stack_failed(struct stack *stack, int error)
{
	stack->error_count++;
	return stack->all && error != -ENOMEM ? 0 : error;
}

static int fail_no_memory(void)
{
	return fail(-ENOMEM, "cannot read the profile");
}

/* ---- "kernel.host-modules": a null below "kernel.modules" says of a module that the host's
 * devices ask for that it is not wanted, so there is something to remove always ---- */

static int exclusions_note(struct stack *stack, const struct value *tree)
{
	const struct value *modules = value_map_get(value_map_get(tree, "kernel"), "modules");

	for (size_t i = 0; modules && i < modules->count; i++) {
		const struct value *item = modules->items[i];
		int r = 0;

		value_map_remove(stack->excluded, modules->keys[i]);
		if (item->kind == VALUE_NULL)
			r = value_map_add(stack->excluded, modules->keys[i],
					  modules->key_origins[i],
					  value_new(VALUE_NULL, item->origin));
		if (r < 0)
			return r;
	}
	return 0;
}

/* the stacked tree keeps those nulls when they mean something in it */
static int exclusions_keep(struct stack *stack)
{
	struct value *kernel = value_map_get(stack->root, "kernel");
	struct value *modules = value_map_get(kernel, "modules");
	const struct value *excluded = stack->excluded;
	int r = 0;

	if (excluded->count == 0 || !value_get(kernel, "host-modules", NULL))
		return 0;
	if (!modules) {
		modules = value_new(VALUE_MAP, excluded->items[0]->origin);
		r = value_map_add(kernel, "modules", excluded->key_origins[0], modules);
	}
	for (size_t i = 0; r == 0 && modules->kind == VALUE_MAP && i < excluded->count; i++)
		r = value_map_add(modules, excluded->keys[i], excluded->key_origins[i],
				  value_new(VALUE_NULL, excluded->items[i]->origin));
	return r;
}

static bool exclusions_count(const struct stack *stack, const struct value *tree)
{
	return value_get(stack->root, "kernel", "host-modules", NULL) ||
	       value_get(tree, "kernel", "host-modules", NULL);
}

/* nulls that find nothing to remove: mostly a misspelt key
 * @spared: a path where they need not; NULL: there is none */
static void warn_nulls(const struct value *base, const struct value *above, const char *spared,
		       struct text *path)
{
	bool is_spared = spared && text_equal(text_string(path), spared);

	for (size_t i = 0; i < above->count; i++) {
		const struct value *item = above->items[i];
		const struct value *below = value_map_get(base, above->keys[i]);
		size_t length = path->length;

		keypath_add(path, above->keys[i]);
		if (item->kind == VALUE_NULL && !below && !is_spared) {
			CLEANUP(text_free) struct text where = TEXT_EMPTY;

			origin_format(&where, &above->key_origins[i], true);
			warn("%s: nothing to remove at '%s', skipping", text_string(&where),
			     text_string(path));
		} else if (item->kind == VALUE_MAP) {
			warn_nulls(below, item, spared, path);
		}
		path->length = length;
		if (path->data)
			path->data[length] = '\0';
	}
}

/* check a tree and lay it over the others */
static int stack_merge(struct stack *stack, struct value *tree)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	unsigned errors = schema_check(tree, stack->all);

	if (errors) {
		stack->error_count += errors;
		return stack->all ? 0 : -EINVAL;
	}
	if (!stack->is_part) /* else the whole stack says it */
		warn_nulls(stack->root, tree,
			   exclusions_count(stack, tree) ? "kernel.modules" : NULL, &path);
	if (exclusions_note(stack, tree) < 0)
		return fail_no_memory();
	return value_merge(stack->root, tree) < 0 ? fail_no_memory() : 0;
}

static int stack_reference(struct stack *stack, const char *reference, const struct origin *by,
			   char **ret_name);

static int stack_includes(struct stack *stack, const struct value *include)
{
	for (size_t i = 0; include && include->kind == VALUE_LIST && i < include->count; i++) {
		const struct value *item = include->items[i];
		int r = 0;

		/* anything else is for the schema to refuse */
		if (item->kind == VALUE_SCALAR)
			r = stack_reference(stack, item->scalar, &item->origin, NULL);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_tree(const struct profile_file *file, struct value **ret_tree)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = file_read(AT_FDCWD, file->path, PROFILE_SIZE_LIMIT, &text);

	if (r == -EFBIG)
		return fail(0, "profile '%s' is larger than %zu bytes, which no profile is",
			    file->path, PROFILE_SIZE_LIMIT);
	if (r < 0)
		return fail(r, "cannot read profile '%s'", file->path);
	r = profile_parse(text_string(&text), text.length, file->label, ret_tree);
	/* nothing but comments is a profile that says nothing */
	if (r == 0 && (*ret_tree)->kind == VALUE_NULL)
		(*ret_tree)->kind = VALUE_MAP;
	return r;
}

static int fail_cycle(const struct stack *stack, size_t from, const char *name,
		      const struct origin *by)
{
	CLEANUP(text_free) struct text where = TEXT_EMPTY;
	CLEANUP(text_free) struct text chain = TEXT_EMPTY;

	if (by)
		origin_format(&where, by, true);
	for (size_t i = from; i < stack->open_count; i++)
		text_format(&chain, "%s -> ", stack->open[i].name);
	return fail(0, "%s: profiles include each other: %s%s", text_string(&where),
		    text_string(&chain), name);
}

/* one file, after what it includes. Return: 1 when it is in the stack already */
static int stack_file(struct stack *stack, const struct profile_file *file, const char *name,
		      const struct origin *by)
{
	CLEANUP(memory_free) char *canonical = realpath(file->path, NULL);
	CLEANUP(value_cleanup) struct value *tree = NULL;
	int r;

	if (!canonical)
		return fail(-errno, "cannot read profile '%s'", file->path);
	if (strings_contain(&stack->done, canonical))
		return 1;
	for (size_t i = 0; i < stack->open_count; i++)
		if (text_equal(stack->open[i].canonical, canonical))
			return fail_cycle(stack, i, name, by);
	if (stack->open_count == INCLUDE_DEPTH_LIMIT)
		return fail(0, "%s: more than %d profiles include each other in a row", file->label,
			    INCLUDE_DEPTH_LIMIT);
	r = read_tree(file, &tree);
	if (r < 0)
		return r;
	stack->open[stack->open_count++] = (struct open_file){ canonical, name };
	r = stack_includes(stack, value_map_get(tree, "include"));
	stack->open_count--;
	if (r == 0)
		r = stack_merge(stack, tree);
	if (r == 0)
		value_map_remove(stack->root, "include"); /* done: not for whoever reads the tree */
	if (r == 0)
		r = strings_add(&stack->files, file->label);
	return r < 0 ? r : strings_add(&stack->done, canonical);
}

/* a profile with its drop-ins */
static int stack_reference(struct stack *stack, const char *reference, const struct origin *by,
			   char **ret_name)
{
	CLEANUP(profile_files_free) struct profile_files files = PROFILE_FILES_EMPTY;
	int r = profile_find(reference, by, &files);

	if (r < 0)
		return stack_failed(stack, r);
	for (size_t i = 0; i < files.count; i++) {
		r = stack_file(stack, &files.items[i], files.name, by);
		if (r < 0)
			r = stack_failed(stack, r);
		if (r < 0)
			return r;
		if (r == 1 && i == 0) /* with its drop-ins */
			break;
	}
	if (ret_name)
		*ret_name = text_pointer_take(&files.name);
	return 0;
}

static int stack_set(struct stack *stack, const char *set)
{
	CLEANUP(value_cleanup) struct value *tree = NULL;
	int r = profile_parse_set(set, &tree);

	if (r < 0)
		return stack_failed(stack, r);
	if (value_map_get(tree, "include"))
		return stack_failed(stack, fail(0, "--set cannot reach 'include'; name further "
						   "profiles with -p"));
	return stack_merge(stack, tree);
}

/* what a command made, with what it includes */
static int stack_made(struct stack *stack, const struct profile_made *made)
{
	CLEANUP(value_cleanup) struct value *tree = NULL;
	int r = profile_parse(made->text, strlen(made->text), made->label, &tree);

	if (r == 0)
		r = stack_includes(stack, value_map_get(tree, "include"));
	if (r == 0)
		r = stack_merge(stack, tree);
	if (r == 0)
		value_map_remove(stack->root, "include");
	return r;
}

static int stack_all(struct stack *stack, const struct profile_made *made,
		     const struct strings *names, const struct strings *sets, char **ret_name)
{
	int r = 0;

	stack->root = value_new(VALUE_MAP, (struct origin){ 0 });
	stack->excluded = value_new(VALUE_MAP, (struct origin){ 0 });
	if (!stack->root || !stack->excluded)
		return fail_no_memory();
	if (made)
		r = stack_made(stack, made);
	for (size_t i = 0; r == 0 && i < names->count; i++) {
		memory_free(ret_name);
		r = stack_reference(stack, names->items[i], NULL, ret_name);
	}
	if (r == 0 && made) {
		free(*ret_name);
		*ret_name = strdup(made->name);
		if (!*ret_name)
			return fail_no_memory();
	}
	for (size_t i = 0; r == 0 && sets && i < sets->count; i++)
		r = stack_set(stack, sets->items[i]);
	if (r == 0 && exclusions_keep(stack) < 0)
		return fail_no_memory();
	return r;
}

static int stack_whole(struct profile *profile, const struct profile_made *made,
		       const struct strings *names, const struct strings *sets, bool all)
{
	CLEANUP(stack_free) struct stack stack = { .all = all };
	CLEANUP(memory_free) char *name = NULL;
	struct profile stacked = PROFILE_EMPTY;
	int r = stack_all(&stack, made, names, sets, &name);

	if (r < 0)
		return r;
	/* what files lack would only be said a second time */
	stacked.root = stack.root;
	if (stack.error_count == 0)
		stack.error_count = schema_check_stacked(&stacked, all);
	if (stack.error_count)
		return -EINVAL;
	profile->root = stack.root;
	profile->name = text_pointer_take(&name);
	profile->files = stack.files;
	profile->paths = stack.done;
	stack.root = NULL;
	stack.files = STRINGS_EMPTY;
	stack.done = STRINGS_EMPTY;
	return 0;
}

int profile_stack(struct profile *profile, const struct strings *names, const struct strings *sets,
		  bool all)
{
	return stack_whole(profile, NULL, names, sets, all);
}

int profile_load_part(struct profile *profile, const struct strings *names)
{
	CLEANUP(stack_free) struct stack stack = { .is_part = true };
	CLEANUP(memory_free) char *name = NULL;
	int r = stack_all(&stack, NULL, names, NULL, &name);

	if (r < 0)
		return r;
	profile->root = stack.root;
	profile->name = text_pointer_take(&name);
	profile->files = stack.files;
	profile->paths = stack.done;
	stack.root = NULL;
	stack.files = STRINGS_EMPTY;
	stack.done = STRINGS_EMPTY;
	return schema_normalise(profile->root) < 0 ? fail_no_memory() : 0;
}

int profile_describe(const char *path, struct profile *ret_profile)
{
	CLEANUP(profile_files_free) struct profile_files files = PROFILE_FILES_EMPTY;
	CLEANUP(value_cleanup) struct value *tree = NULL;
	int r = profile_find(path, NULL, &files);

	if (r == 0)
		r = read_tree(&files.items[0], &tree);
	if (r == 0 && schema_check(tree, false))
		r = -EINVAL;
	if (r < 0)
		return r;
	ret_profile->root = tree;
	ret_profile->name = text_pointer_take(&files.name);
	tree = NULL;
	return 0;
}

int profile_load(struct profile *profile, const struct strings *names, const struct strings *sets)
{
	return profile_load_made(profile, NULL, names, sets);
}

int profile_load_made(struct profile *profile, const struct profile_made *made,
		      const struct strings *names, const struct strings *sets)
{
	int r = stack_whole(profile, made, names, sets, false);

	if (r < 0)
		return r;
	r = schema_normalise(profile->root);
	if (r < 0) {
		profile_free(profile);
		return fail_no_memory();
	}
	return 0;
}

void profile_free(struct profile *profile)
{
	value_free(profile->root);
	free(profile->name);
	strings_free(&profile->files);
	strings_free(&profile->paths);
	*profile = PROFILE_EMPTY;
}
