/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.c - from "boot:" of a profile to the boot plan
 *
 * In:    the checked profile, the root (for the programs that the plan starts)
 * Out:   the plan; entries for those programs
 * Not:   modules and aliases (resolve_module.c), container images (container_image.c)
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "fail.h"
#include "plan.h"
#include "resolve_trees.h"
#include "../init/lib/number.h"

#define READY_WAIT_MS 60000

/* what every plan_*() below works with */
struct planner {
	struct resolve *resolve;
	struct bootplan *plan;
};

int plan_text(const struct resolve *resolve, const struct value *value, char **ret_text)
{
	if (!value)
		return 0;
	return profile_expand(resolve->profile, value_text(value, ""), value->origin, ret_text);
}

int plan_texts(const struct resolve *resolve, const struct value *list, struct strings *ret_texts)
{
	for (size_t i = 0; list && i < list->count; i++) {
		char *item = NULL;
		int r = plan_text(resolve, list->items[i], &item);

		if (r == 0)
			r = strings_take_in(ret_texts, item);
		if (r < 0)
			return r;
	}
	return 0;
}

int plan_exec(struct resolve *resolve, const struct value *list, const char *relation,
	      struct strings *ret_exec)
{
	char *path = NULL;
	int r = plan_texts(resolve, list, ret_exec);

	if (r < 0 || !list || ret_exec->count == 0)
		return r;
	r = trees_program(resolve, ret_exec->items[0], &path);
	if (r == -ENOENT)
		r = trees_named(resolve, ret_exec->items[0], &path);
	if (r == -ENOENT)
		r = resolve_program(resolve, ret_exec->items[0], relation, &list->items[0]->origin,
				    false, &path);
	if (r < 0)
		return r;
	free(ret_exec->items[0]);
	ret_exec->items[0] = path;
	return 0;
}

/* the schema has checked the form: an absent value is @otherwise */
static uint64_t plan_duration(const struct value *value, uint64_t otherwise)
{
	(void)duration_parse(value_text(value, ""), &otherwise);
	return otherwise;
}

/* the argv of a service, or of main */
static int plan_argv(struct planner *planner, const struct value *value,
		     const struct run_settings *run, const char *name, struct strings *exec)
{
	CLEANUP(text_free) struct text relation = TEXT_EMPTY;
	const struct value *list = value_get(value, "exec", NULL);

	if (plan_has_tree(planner->plan))
		return plan_exec_in_tree(planner->resolve, list, exec);
	if (!list && value_get(value, "like", NULL))
		return plan_run_exec(planner->resolve, run, value, exec);
	text_format(&relation, "program of '%s'", name);
	return plan_exec(planner->resolve, list, text_string(&relation), exec);
}

/* what the profile says of it itself comes last: of two values of a variable that counts */
static int plan_env(const struct planner *planner, const struct value *env,
		    const struct run_settings *run, struct strings *ret_env)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < run->env.count; i++)
		r = strings_add(ret_env, run->env.items[i]);
	for (size_t i = 0; r == 0 && env && i < env->count; i++) {
		CLEANUP(memory_free) char *text = NULL;

		r = plan_text(planner->resolve, env->items[i], &text);
		if (r == 0)
			r = strings_add_format(ret_env, "%s=%s", env->keys[i], text);
	}
	return r;
}

static int plan_service(struct planner *planner, const struct value *value, const char *name,
			struct plan_service *service)
{
	CLEANUP(run_settings_free) struct run_settings run = RUN_SETTINGS_EMPTY;
	int r = value_get(value, "like", NULL) ? run_settings_read(planner->resolve->profile, &run)
					       : 0;

	service->name = strdup(name);
	if (!service->name)
		return -ENOMEM;
	service->wait = plan_duration(value_get(value, "wait", NULL), READY_WAIT_MS);
	if (r == 0)
		r = plan_argv(planner, value, &run, name, &service->exec);
	if (r == 0)
		r = plan_texts(planner->resolve, value_get(value, "needs", NULL), &service->needs);
	if (r == 0)
		r = plan_text(planner->resolve, value_get(value, "ready", NULL), &service->ready);
	if (r == 0)
		r = plan_env(planner, value_get(value, "env", NULL), &run, &service->env);
	if (r == 0)
		r = plan_place(planner->resolve, value, name, &run, plan_has_tree(planner->plan),
			       service);
	if (r == 0 && service->exec.count == 0)
		return fail_at(&value->origin,
			       "'%s' has no 'exec:'; give it the program and its arguments", name);
	return r;
}

/* what a service needs must be a service, or a choice */
static int check_needs(const struct value *boot, const char *name, const struct value *service)
{
	const struct value *needs = value_get(service, "needs", NULL);

	for (size_t i = 0; needs && i < needs->count; i++) {
		const char *need = value_text(needs->items[i], "");

		if (!value_map_get(value_get(boot, "services", NULL), need) &&
		    !value_map_get(value_get(boot, "choose", NULL), need))
			return fail_at(&needs->items[i]->origin,
				       "service '%s' needs '%s', which is no service and no choice "
				       "('boot: choose:')",
				       name, need);
	}
	return 0;
}

/* whether init leaves its rootfs for a tree that the image has: only a SquashFS is left for */
static bool carries_tree(const struct planner *planner)
{
	const struct value *root = planner->resolve->profile->root;
	const struct value *trees = value_get(root, "trees", NULL);

	return trees && trees->count &&
	       text_equal(value_text(value_get(root, "output", "layout", NULL), ""), "squashfs");
}

/* a tree is the root, and nobody says what is to run: its own init */
static int plan_tree_init(struct planner *planner)
{
	struct plan_service *service = &planner->plan->main;
	const char *path;
	int r = trees_init(planner->resolve, &path);

	/* init finds it by itself where it leaves for it */
	if (r < 0 || carries_tree(planner))
		return r;
	planner->plan->has_main = true;
	service->name = strdup("main");
	service->wait = READY_WAIT_MS;
	return service->name ? strings_add(&service->exec, path) : -ENOMEM;
}

/* as process 1 main can neither wait for the network, nor be asked to end, nor be followed by
 * anything */
static int plan_end(struct planner *planner, const struct value *main_value)
{
	static const char *const words[] = { "restart", "poweroff", "reboot", "halt" };
	static const char *const keys[] = { "end", "stop-signal", "needs" };
	const struct strings *needs = &planner->plan->main.needs;
	const char *end = value_text(value_get(main_value, "end", NULL), "restart");

	for (unsigned i = 0; i < COUNT_OF(words); i++)
		if (text_equal(words[i], end))
			planner->plan->end = i;
	planner->plan->has_end = planner->plan->end != PLAN_END_RESTART;
	for (size_t i = 0; i < needs->count; i++)
		if (!text_equal(needs->items[i], PLAN_NEEDS_NETWORK))
			return fail_at(&value_get(main_value, "needs", NULL)->origin,
				       "main needs '%s'; besides services, which are all up before "
				       "it, it can need: " PLAN_NEEDS_NETWORK,
				       needs->items[i]);
	for (size_t i = 0; planner->plan->mode == PLAN_MODE_EXEC && i < COUNT_OF(keys); i++) {
		const struct value *value = value_get(main_value, keys[i], NULL);

		if (value)
			return fail_at(&value->origin,
				       "'boot: main: %s' is for 'boot: mode: supervise': in mode "
				       "exec main is process 1, and the machine ends with it",
				       keys[i]);
	}
	return 0;
}

static int plan_each_service(struct planner *planner, const struct value *boot)
{
	const struct value *services = value_get(boot, "services", NULL);
	const struct value *main_value = value_get(boot, "main", NULL);
	int r = 0;

	for (size_t i = 0; r == 0 && services && i < services->count; i++) {
		struct plan_service *service = bootplan_add_service(planner->plan);

		r = service ? plan_service(planner, services->items[i], services->keys[i], service)
			    : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && services && i < services->count; i++)
		r = check_needs(boot, services->keys[i], services->items[i]);
	if (r < 0)
		return r;
	/* a tree has an init of its own */
	if (!main_value && plan_has_tree(planner->plan))
		return 0;
	if (!main_value && planner->resolve->foreign && planner->resolve->foreign->has_root)
		return plan_tree_init(planner);
	if (!main_value)
		return fail(0,
			    "the profile '%s' has no 'boot: main:'; say what the machine is to "
			    "run, or include a profile that does (docker)",
			    planner->resolve->profile->name);
	planner->plan->has_main = true;
	r = plan_service(planner, main_value, "main", &planner->plan->main);
	return r < 0 ? r : plan_end(planner, main_value);
}

/* when everything else that the plan starts is packed */
static int plan_each_call(struct planner *planner, const struct value *boot)
{
	const struct value *services = value_get(boot, "services", NULL);
	int r = 0;

	if (plan_has_tree(planner->plan))
		return 0;
	for (size_t i = 0; r == 0 && services && i < services->count; i++)
		r = plan_calls(planner->resolve, services->items[i],
			       &planner->plan->services[i].exec);
	return r < 0 ? r
		     : plan_calls(planner->resolve, value_get(boot, "main", NULL),
				  &planner->plan->main.exec);
}

static int plan_limits(struct planner *planner, const struct value *limits)
{
	for (size_t i = 0; limits && i < limits->count; i++) {
		struct plan_limit *limit = bootplan_add_limit(planner->plan);

		if (!limit)
			return -ENOMEM;
		limit->name = strdup(limits->keys[i]);
		if (!limit->name)
			return -ENOMEM;
		limit->value = UINT64_MAX; /* "infinity" */
		(void)number_parse(value_text(limits->items[i], ""), &limit->value);
	}
	return 0;
}

/* "kernel: cmdline:": NAME: true, NAME: value, NAME: [value, value] */
static int plan_cmdline(struct planner *planner, const struct value *cmdline)
{
	struct strings *words = &planner->plan->image.cmdline;
	int r = 0;

	for (size_t i = 0; r == 0 && cmdline && i < cmdline->count; i++) {
		CLEANUP(strings_free) struct strings values = STRINGS_EMPTY;
		const struct value *value = cmdline->items[i];
		CLEANUP(memory_free) char *text = NULL;

		if (value->kind == VALUE_LIST)
			r = plan_texts(planner->resolve, value, &values);
		else if (text_equal(value_text(value, ""), "true"))
			r = strings_add(words, cmdline->keys[i]);
		else if (!(r = plan_text(planner->resolve, value, &text)))
			r = strings_add(&values, text);
		for (size_t j = 0; r == 0 && j < values.count; j++)
			r = strings_add_format(words, "%s=%s", cmdline->keys[i], values.items[j]);
	}
	return r;
}

int plan_services(struct resolve *resolve, struct bootplan *plan)
{
	struct planner planner = { resolve, plan };
	const struct value *boot = value_get(resolve->profile->root, "boot", NULL);
	int r;

	plan->mode = text_equal(value_text(value_get(boot, "mode", NULL), "exec"), "supervise")
			     ? PLAN_MODE_SUPERVISE
			     : PLAN_MODE_EXEC;
	plan->image.profile = strdup(resolve->profile->name);
	plan->image.release = strdup(resolve->kernel.release);
	if (!plan->image.profile || !plan->image.release)
		return -ENOMEM;
	plan->has_stop = value_get(boot, "stop", NULL) != NULL;
	plan->stop.within = plan_duration(value_get(boot, "stop", NULL), 0);
	r = plan_text(resolve, value_get(boot, "hostname", NULL), &plan->hostname);
	if (r == 0)
		r = plan_cmdline(&planner,
				 value_get(resolve->profile->root, "kernel", "cmdline", NULL));
	if (r == 0)
		r = plan_root(resolve, value_get(boot, "root", NULL), plan);
	if (r == 0)
		r = plan_bundle(resolve, value_get(boot, "bundle", NULL), plan);
	if (r == 0)
		r = plan_disk(resolve, value_get(boot, "disk", NULL), plan);
	if (r == 0)
		r = plan_log(resolve, value_get(boot, "log", NULL), plan);
	if (r == 0)
		r = plan_rescue(value_get(boot, "rescue", NULL), plan);
	if (r == 0)
		r = plan_tmpfs(value_get(boot, "tmpfs", NULL), plan);
	if (r == 0)
		r = plan_network(resolve, boot, plan);
	if (r == 0)
		r = plan_limits(&planner, value_get(boot, "limits", NULL));
	if (r == 0)
		r = plan_choices(resolve, value_get(boot, "choose", NULL), plan);
	if (r == 0)
		r = plan_each_service(&planner, boot);
	if (r == 0)
		r = plan_declared(resolve, value_get(boot, "containers", NULL), plan);
	if (r == 0)
		r = plan_console(resolve, value_get(boot, "console", NULL), plan);
	if (r == 0)
		r = plan_shell(resolve, value_get(boot, "shell", NULL), plan);
	return r < 0 ? r : plan_each_call(&planner, boot);
}

int plan_add(struct resolve *resolve, const struct bootplan *plan)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct addition addition = {
		.path = &BOOTPLAN_PATH[1],
		.type = ENTRY_FILE,
		.mode = 0644,
		.source = { .kind = SOURCE_CONTENT, .directory_fd = -1 },
		.relation = "boot plan",
	};
	int r = bootplan_format(plan, &text);

	if (r < 0)
		return r;
	addition.source.byte_count = text.length;
	r = text_take(&text, &addition.source.bytes);
	if (r < 0)
		return r;
	return manifest_add(resolve->manifest, &addition, NULL);
}

int plan_replace(struct manifest *manifest, const struct bootplan *plan)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct entry *entry = manifest_find(manifest, &BOOTPLAN_PATH[1]);
	size_t length;
	char *bytes = NULL;
	int r = entry ? bootplan_format(plan, &text) : -ENOENT;

	length = text.length;
	if (r == 0)
		r = text_take(&text, &bytes);
	if (r < 0)
		return fail(r, "cannot write the boot plan");
	free(entry->source.bytes);
	entry->source.bytes = bytes;
	entry->source.byte_count = length;
	entry->size = length;
	entry->is_hashed = false;
	return 0;
}
