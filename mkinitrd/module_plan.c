/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_plan.c - packed modules as lines of the boot plan (see resolve.h)
 *
 * In:    the packed modules
 * Out:   a "module" line each, dependencies before dependents, and their "alias" lines
 * Not:   which modules are packed (module_pack.c); loading them (init/modules.c)
 */
#include <errno.h>
#include <string.h>

#include "modules.h"
#include "fail.h"
#include "../init/lib/bootplan.h"

int module_options(const struct modules *modules, size_t index, struct text *text)
{
	const struct module_config *config = &modules->tree.config;
	const struct text *own = &modules->choices[index].options;

	for (size_t i = 0; i < config->count; i++) {
		const struct module_setting *setting = &config->settings[i];

		if (setting->verb == MODULE_OPTIONS &&
		    text_equal(setting->key, modules->tree.modules[index].name))
			text_format(text, "%s%s", text->length ? " " : "", setting->rest);
	}
	if (own->length)
		text_format(text, "%s%s", text->length ? " " : "", text_string(own));
	return text->failed ? -ENOMEM : 0;
}

/* softdeps that modprobe.d forbids are left out, as modprobe goes on without them */
static int names_add(const struct modules *modules, const struct module_list *list, bool is_soft,
		     struct strings *names)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < list->count; i++) {
		const struct module_choice *choice = &modules->choices[list->items[i]];
		bool is_left = is_soft && !choice->is_named &&
			       modules->tree.modules[list->items[i]].is_forbidden;

		if (choice->entry && !is_left)
			r = strings_add(names, modules->tree.modules[list->items[i]].name);
	}
	return r;
}

/* dependencies first, each once */
static int plan_order(const struct modules *modules, struct module_list *order)
{
	CLEANUP(memory_free) bool *is_listed = calloc(modules->tree.count + 1, sizeof(*is_listed));

	if (!is_listed)
		return -ENOMEM;
	for (size_t i = 0; i < modules->packed.count; i++) {
		CLEANUP(module_list_free) struct module_list closure = { 0 };
		int r = module_tree_closure(&modules->tree, modules->packed.items[i], &closure);

		for (size_t j = 0; r >= 0 && j < closure.count; j++) {
			size_t index = closure.items[j];

			if (is_listed[index] || !modules->choices[index].entry)
				continue;
			is_listed[index] = true;
			r = module_list_add(order, index);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static int plan_module(const struct modules *modules, size_t index, struct bootplan *plan)
{
	CLEANUP(module_list_free) struct module_list direct = { 0 };
	CLEANUP(text_free) struct text options = TEXT_EMPTY;
	const struct module *module = &modules->tree.modules[index];
	const struct module_choice *choice = &modules->choices[index];
	struct plan_module *line = bootplan_add_module(plan);
	int r;

	if (!line)
		return -ENOMEM;
	line->name = strdup(module->name);
	line->load = choice->load;
	if (!line->name || asprintf(&line->path, "/%s", choice->entry) < 0)
		return -ENOMEM;
	r = module_tree_direct(&modules->tree, index, &direct);
	if (r >= 0)
		r = names_add(modules, &direct, false, &line->needs);
	if (r >= 0)
		r = names_add(modules, &module->pre, true, &line->soft);
	if (r >= 0)
		r = names_add(modules, &module->post, true, &line->post);
	if (r >= 0)
		r = module_options(modules, index, &options);
	return r < 0 || options.length == 0 ? r : text_take(&options, &line->options);
}

/* aliases of the modules themselves and of modprobe.d, but those of blacklisted modules */
static int plan_aliases(const struct modules *modules, size_t index, struct bootplan *plan)
{
	const struct module *module = &modules->tree.modules[index];
	const struct module_config *config = &modules->tree.config;
	CLEANUP(strings_free) struct strings match = STRINGS_EMPTY;
	struct plan_alias *line;
	int r = 0;

	if (module->is_blacklisted)
		return 0;
	for (size_t i = 0; r >= 0 && i < module->aliases.count; i++) {
		if (module_asks(module->aliases.items[i]))
			r = strings_add(&match, module->aliases.items[i]);
	}
	for (size_t i = 0; r >= 0 && i < config->count; i++) {
		const struct module_setting *setting = &config->settings[i];

		if (setting->verb == MODULE_ALIAS && module_asks(setting->key) &&
		    module_tree_find(&modules->tree, setting->rest) == index)
			r = strings_add(&match, setting->key);
	}
	if (r < 0 || match.count == 0)
		return r;
	line = bootplan_add_alias(plan);
	if (!line)
		return -ENOMEM;
	line->module = strdup(module->name);
	if (!line->module)
		return -ENOMEM;
	line->match = match;
	match = STRINGS_EMPTY;
	return 0;
}

int modules_plan(const struct modules *modules, struct bootplan *plan)
{
	CLEANUP(module_list_free) struct module_list order = { 0 };
	int r;

	r = plan_order(modules, &order);
	for (size_t i = 0; r >= 0 && i < order.count; i++)
		r = plan_module(modules, order.items[i], plan);
	for (size_t i = 0; r >= 0 && i < order.count; i++)
		r = plan_aliases(modules, order.items[i], plan);
	return r < 0 ? fail(r, "cannot write the modules into the boot plan") : 0;
}
