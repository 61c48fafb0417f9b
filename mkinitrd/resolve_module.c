/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_module.c - which kernel modules does the profile want?
 *
 * In:    "kernel: modules:" of the profile, the tree of the kernel's modules
 * Out:   wishes: a line of the profile and a module each; then the rest of the work is called
 * Not:   what comes along (module_pack.c), firmware (firmware.c), the boot plan (module_plan.c)
 */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "modules.h"
#include "fail.h"
#include "options.h"

enum load { LOAD_AUTO, LOAD_BOOT, LOAD_BESIDE, LOAD_DEMAND };

/* one line of the profile */
struct request {
	const char *key;
	struct origin at;
	bool is_required, is_pattern;
	enum load load;
	const char *options;
	const struct value *value;
};

bool modules_are_wanted(const struct profile *profile)
{
	const struct value *wanted = value_get(profile->root, "kernel", "modules", NULL);

	if (value_get(profile->root, "kernel", "host-modules", NULL))
		return true;
	for (size_t i = 0; wanted && i < wanted->count; i++) {
		if (wanted->items[i]->kind != VALUE_NULL)
			return true;
	}
	return false;
}

int modules_open(const struct resolve *resolve, struct modules **ret_modules)
{
	CLEANUP(modules_cleanup) struct modules *modules = calloc(1, sizeof(*modules));
	int r;

	if (!modules)
		return fail(-ENOMEM, "cannot open the modules of kernel %s",
			    resolve->kernel.release);
	modules->root = resolve->root;
	modules->kernel = &resolve->kernel;
	r = module_tree_open(resolve->root, &resolve->kernel, resolve->jobs, &modules->tree);
	if (r < 0)
		return r;
	modules->choices = calloc(modules->tree.count + 1, sizeof(*modules->choices));
	if (!modules->choices)
		return fail(-ENOMEM, "cannot open the modules of kernel %s",
			    resolve->kernel.release);
	*ret_modules = modules;
	modules = NULL;
	return 0;
}

void modules_close(struct modules *modules)
{
	if (!modules)
		return;
	for (size_t i = 0; modules->choices && i < modules->tree.count; i++) {
		free(modules->choices[i].entry);
		text_free(&modules->choices[i].options);
	}
	free(modules->choices);
	for (size_t i = 0; i < modules->wish_count; i++)
		free(modules->wishes[i].relation);
	free(modules->wishes);
	module_list_free(&modules->packed);
	module_tree_close(&modules->tree);
	free(modules);
}

static bool is_alias(const char *key)
{
	return strchr(key, ':') != NULL;
}

static bool has_wildcard(const char *key)
{
	return strpbrk(key, "*?[") != NULL;
}

static enum load load_parse(const char *word)
{
	return text_equal(word, "boot")     ? LOAD_BOOT
	       : text_equal(word, "beside") ? LOAD_BESIDE
	       : text_equal(word, "demand") ? LOAD_DEMAND
					    : LOAD_AUTO;
}

static struct request request_parse(const char *key, const struct value *value)
{
	const char *need = value->kind == VALUE_MAP
				   ? value_text(value_get(value, "need", NULL), "required")
				   : value_text(value, "required");

	return (struct request){
		.key = key,
		.at = value->origin,
		.is_required = text_equal(need, "required"),
		.is_pattern = !is_alias(key) && (strchr(key, '/') || has_wildcard(key)),
		.load = load_parse(value_text(value_get(value, "load", NULL), "auto")),
		.options = value_text(value_get(value, "options", NULL), ""),
		.value = value,
	};
}

static int match_patterns(const struct modules *modules, const char *pattern,
			  struct module_list *found)
{
	for (size_t i = 0; i < modules->tree.count; i++) {
		if (module_match(pattern, &modules->tree.modules[i]) &&
		    module_list_add(found, i) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* aliases that a pattern in the profile covers: "virtio:*" */
static int match_aliases(const struct modules *modules, const char *pattern,
			 struct module_list *found)
{
	for (size_t i = 0; i < modules->tree.count; i++) {
		const struct strings *aliases = &modules->tree.modules[i].aliases;
		bool is_found = false;

		for (size_t j = 0; !is_found && j < aliases->count; j++)
			is_found = fnmatch(pattern, aliases->items[j], 0) == 0;
		if (is_found && module_list_add(found, i) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int request_find(const struct modules *modules, const struct request *request,
			struct module_list *found)
{
	int r;

	if (request->is_pattern)
		return match_patterns(modules, request->key, found);
	r = module_tree_lookup(&modules->tree, request->key, found);
	if (r >= 0 && found->count == 0 && has_wildcard(request->key))
		r = match_aliases(modules, request->key, found);
	return r;
}

bool module_matches(const char *key, const struct module *module)
{
	CLEANUP(memory_free) char *name = NULL;

	if (strchr(key, '/') || has_wildcard(key))
		return module_match(key, module);
	name = strdup(key);
	if (name)
		module_name_normal(name);
	return name && text_equal(name, module->name);
}

bool module_needs_loading(const struct module *module)
{
	for (size_t i = 0; i < module->aliases.count; i++) {
		if (module_asks(module->aliases.items[i]))
			return false;
	}
	return true;
}

int modules_wish(struct modules *modules, const struct module_wish *wish)
{
	struct module_wish *wishes;

	/* room grows at powers of two */
	if ((modules->wish_count & (modules->wish_count - 1)) == 0) {
		wishes = reallocarray(modules->wishes,
				      modules->wish_count ? 2 * modules->wish_count : 1,
				      sizeof(*wishes));
		if (!wishes) {
			free(wish->relation);
			return -ENOMEM;
		}
		modules->wishes = wishes;
	}
	modules->wishes[modules->wish_count++] = *wish;
	return 0;
}

static int wish_add(struct modules *modules, const struct request *request, size_t index)
{
	const struct module *module = &modules->tree.modules[index];
	struct module_choice *choice = &modules->choices[index];
	int r = modules_wish(modules, &(struct module_wish){ index, request->key, request->at,
							     request->value, NULL });

	if (r < 0)
		return r;

	if (index == module_tree_find(&modules->tree, request->key))
		choice->is_named = true;
	if (request->load == LOAD_BOOT)
		choice->load = PLAN_LOAD_BOOT;
	else if (choice->load == PLAN_LOAD_DEMAND &&
		 (request->load == LOAD_BESIDE ||
		  (request->load == LOAD_AUTO && !request->is_pattern &&
		   module_needs_loading(module))))
		choice->load = PLAN_LOAD_BESIDE;
	if (*request->options)
		text_format(&choice->options, "%s%s", choice->options.length ? " " : "",
			    request->options);
	return choice->options.failed ? -ENOMEM : 0;
}

static const char *name_nearest(const struct module_tree *tree, const char *key)
{
	CLEANUP(memory_free) const char **names = calloc(tree->count + 1, sizeof(*names));

	for (size_t i = 0; names && i < tree->count; i++)
		names[i] = tree->modules[i].name;
	return names ? word_nearest(key, names) : NULL;
}

static int request_missing(const struct modules *modules, struct resolve *resolve,
			   const struct request *request, const char *blacklisted)
{
	CLEANUP(text_free) struct text where = TEXT_EMPTY;
	const char *nearest;

	origin_format(&where, &request->at, false);
	if (!request->is_required) {
		debug("module '%s' (%s) is not in kernel %s, skipping", request->key,
		      text_string(&where), modules->kernel->release);
		return strings_add(&resolve->missing.modules, request->key);
	}
	if (blacklisted)
		return fail(0,
			    "alias '%s' (%s) leads to module '%s' only, which modprobe.d of the "
			    "root '%s' blacklists; name the module itself or make it optional",
			    request->key, text_string(&where), blacklisted, modules->root->path);
	if (request->is_pattern)
		return fail(
			0,
			"no module of kernel %s of the root '%s' matches '%s' (%s); correct the "
			"pattern or make it optional",
			modules->kernel->release, modules->root->path, request->key,
			text_string(&where));
	nearest = is_alias(request->key) ? NULL : name_nearest(&modules->tree, request->key);
	return fail(0,
		    "module '%s' (%s) is not in kernel %s of the root '%s'; %s%s%sinstall it or "
		    "make it optional",
		    request->key, text_string(&where), modules->kernel->release,
		    modules->root->path, nearest ? "nearest: '" : "", nearest ? nearest : "",
		    nearest ? "'; " : "");
}

/* speaks */
static int request_resolve(struct modules *modules, struct resolve *resolve,
			   const struct request *request)
{
	CLEANUP(module_list_free) struct module_list found = { 0 };
	size_t by_name = module_tree_find(&modules->tree, request->key);
	const char *blacklisted = NULL;
	size_t taken = 0;
	int r;

	r = request_find(modules, request, &found);
	for (size_t i = 0; r >= 0 && i < found.count; i++) {
		const struct module *module = &modules->tree.modules[found.items[i]];

		if (module->is_blacklisted && !request->is_pattern && found.items[i] != by_name) {
			debug("module '%s', which '%s' leads to, is blacklisted, skipping",
			      module->name, request->key);
			blacklisted = module->name;
			continue;
		}
		taken++;
		if (module->path)
			r = wish_add(modules, request, found.items[i]);
		else
			debug("module '%s' is built into kernel %s", module->name,
			      modules->kernel->release);
	}
	if (r < 0)
		return fail(r, "cannot look up module '%s'", request->key);
	return taken ? 0 : request_missing(modules, resolve, request, blacklisted);
}

int modules_resolve(struct modules *modules, struct resolve *resolve)
{
	const struct value *profile = resolve->profile ? resolve->profile->root : NULL;
	const struct value *wanted = value_get(profile, "kernel", "modules", NULL);
	bool is_host = value_get(profile, "kernel", "host-modules", NULL) != NULL;
	bool with_firmware = !text_equal(
		value_text(value_get(profile, "kernel", "firmware", NULL), "auto"), "none");
	int r = 0;

	for (size_t i = 0; wanted && r >= 0 && i < wanted->count; i++) {
		struct request request = request_parse(wanted->keys[i], wanted->items[i]);

		if (wanted->items[i]->kind != VALUE_NULL)
			r = request_resolve(modules, resolve, &request);
	}
	if (r >= 0 && is_host)
		r = modules_resolve_host(modules, resolve);
	if (r >= 0)
		r = modules_pack(modules, resolve, with_firmware);
	if (r >= 0 && with_firmware)
		r = modules_pack_firmware(modules, resolve);
	if (r >= 0 && (is_host || (wanted && wanted->count)))
		r = modules_pack_indexes(modules, resolve);
	return r;
}

int modules_closure(const struct modules *modules, const char *name, struct strings *ret_paths)
{
	CLEANUP(module_list_free) struct module_list found = { 0 };
	CLEANUP(module_list_free) struct module_list closure = { 0 };
	size_t by_name = module_tree_find(&modules->tree, name);
	int r;

	r = module_tree_lookup(&modules->tree, name, &found);
	if (r >= 0 && found.count == 0)
		r = -ENOENT;
	for (size_t i = 0; r >= 0 && i < found.count; i++) {
		/* what modprobe does for an alias of a blacklisted module */
		if (modules->tree.modules[found.items[i]].is_blacklisted &&
		    found.items[i] != by_name)
			continue;
		r = module_tree_closure(&modules->tree, found.items[i], &closure);
	}
	for (size_t i = 0; r >= 0 && i < closure.count; i++) {
		const struct module *module = &modules->tree.modules[closure.items[i]];
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		if (module->path)
			module_root_path(modules->kernel, module->path, &path);
		else
			text_format(&path, "builtin %s", module->name);
		r = path.failed ? -ENOMEM : strings_add(ret_paths, text_string(&path));
	}
	return r;
}
