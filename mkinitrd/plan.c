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

	if (r < 0 || ret_exec->count == 0)
		return r;
	r = resolve_program(resolve, ret_exec->items[0], relation, &list->items[0]->origin, false,
			    &path);
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

static int plan_service(struct planner *planner, const struct value *value, const char *name,
			struct plan_service *service)
{
	CLEANUP(text_free) struct text relation = TEXT_EMPTY;
	const struct value *env = value_get(value, "env", NULL);
	int r;

	text_format(&relation, "program of '%s'", name);
	service->name = strdup(name);
	if (!service->name)
		return -ENOMEM;
	service->wait = plan_duration(value_get(value, "wait", NULL), READY_WAIT_MS);
	r = plan_exec(planner->resolve, value_get(value, "exec", NULL), text_string(&relation),
		      &service->exec);
	if (r == 0)
		r = plan_texts(planner->resolve, value_get(value, "needs", NULL), &service->needs);
	if (r == 0)
		r = plan_text(planner->resolve, value_get(value, "ready", NULL), &service->ready);
	for (size_t i = 0; r == 0 && env && i < env->count; i++) {
		CLEANUP(memory_free) char *text = NULL;

		r = plan_text(planner->resolve, env->items[i], &text);
		if (r == 0)
			r = strings_add_format(&service->env, "%s=%s", env->keys[i], text);
	}
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

static int plan_each_service(struct planner *planner, const struct value *boot)
{
	const struct value *services = value_get(boot, "services", NULL);
	const struct value *main_value = value_get(boot, "main", NULL);

	for (size_t i = 0; services && i < services->count; i++) {
		struct plan_service *service = bootplan_add_service(planner->plan);
		int r = service ? plan_service(planner, services->items[i], services->keys[i],
					       service)
				: -ENOMEM;

		if (r < 0)
			return r;
	}
	for (size_t i = 0; services && i < services->count; i++) {
		int r = check_needs(boot, services->keys[i], services->items[i]);

		if (r < 0)
			return r;
	}
	if (!main_value)
		return fail(0,
			    "the profile '%s' has no 'boot: main:'; say what the machine is to "
			    "run, or include a profile that does (docker)",
			    planner->resolve->profile->name);
	planner->plan->has_main = true;
	return plan_service(planner, main_value, "main", &planner->plan->main);
}

/* when everything else that the plan starts is packed */
static int plan_each_call(struct planner *planner, const struct value *boot)
{
	const struct value *services = value_get(boot, "services", NULL);
	int r = 0;

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
