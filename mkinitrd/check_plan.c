/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_plan.c - is in the image what its boot plan names?
 *
 * In:    the boot plan in the tree
 * Out:   findings
 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "plan.h"

#define PLAN (&BOOTPLAN_PATH[1])

static void check_program(struct check *check, const char *who, const struct strings *exec)
{
	if (exec->count && !check_is_runnable(check, exec->items[0]) &&
	    !check_is_beside(check, exec->items[0]))
		check_find(check, CHECK_PLAN_PATH_MISSING,
			   exec->items[0] + (exec->items[0][0] == '/'),
			   "is what the boot plan starts as %s, and no program in the image; add "
			   "it by a "
			   "profile",
			   who);
}

static void check_file(struct check *check, const char *who, const char *path)
{
	if (image_tree_resolve(&check->tree, path, true, NULL, NULL) == 0 &&
	    !check_is_beside(check, path))
		check_find(check, CHECK_PLAN_PATH_MISSING, path + (path[0] == '/'),
			   "is %s of the boot plan, and not in the image; build it again", who);
}

static bool has_module(const struct bootplan *plan, const char *name)
{
	for (size_t i = 0; i < plan->module_count; i++)
		if (text_equal(plan->modules[i].name, name))
			return true;
	return false;
}

static void check_plan_modules(struct check *check)
{
	const struct bootplan *plan = &check->plan;

	for (size_t i = 0; i < plan->module_count; i++) {
		const struct plan_module *module = &plan->modules[i];

		check_file(check, "a module", module->path);
		for (size_t j = 0; j < module->needs.count; j++)
			if (!has_module(plan, module->needs.items[j]))
				check_find(check, CHECK_PLAN_MODULE_UNKNOWN, PLAN,
					   "says that the module '%s' needs '%s', which it does "
					   "not define; "
					   "build the image again",
					   module->name, module->needs.items[j]);
	}
	for (size_t i = 0; i < plan->alias_count; i++)
		if (!has_module(plan, plan->aliases[i].module))
			check_find(check, CHECK_PLAN_MODULE_UNKNOWN, PLAN,
				   "has aliases of the module '%s', which it does not define; "
				   "build the image "
				   "again",
				   plan->aliases[i].module);
}

static void check_plan_programs(struct check *check)
{
	const struct bootplan *plan = &check->plan;
	bool has_tree = plan_has_tree(plan);

	for (size_t i = 0; !has_tree && i < plan->service_count; i++) {
		CLEANUP(text_free) struct text who = TEXT_EMPTY;

		text_format(&who, "service '%s'", plan->services[i].name);
		check_program(check, text_string(&who), &plan->services[i].exec);
	}
	if (plan->has_main && !has_tree)
		check_program(check, "main", &plan->main.exec);
	if (plan->has_dhcp)
		check_program(check, "DHCP client", &plan->dhcp.exec);
	if (plan->has_shell)
		check_program(check, "shell", &plan->shell.exec);
	if (plan->has_bundle)
		check_file(check, "what checks a host's bundle", "/usr/lib/mkinitrd/bundle");
	if (plan->disk.fsck)
		check_file(check, "the disk's fsck", plan->disk.fsck);
	if (plan->disk.mkfs)
		check_file(check, "the disk's mkfs", plan->disk.mkfs);
	for (size_t i = 0; i < plan->choice_count; i++)
		for (size_t j = 0; j < plan->choices[i].links.count; j++) {
			const char *target = strchr(plan->choices[i].links.items[j], '=');

			if (target)
				check_file(check, "a choice", target + 1);
		}
	for (size_t i = 0; i < plan->container_count; i++)
		check_file(check, "a container's archive", plan->containers[i].archive);
}

void check_plan(struct check *check)
{
	CLEANUP(memory_free) char *why = NULL;
	const char *text;
	size_t length;
	int r;

	if (!image_tree_find(&check->tree, PLAN)) {
		if (check->manifest)
			check_find(check, CHECK_PLAN_BROKEN, PLAN,
				   "is missing, and init does not know what to do; build the image "
				   "again");
		return;
	}
	text = check_text(check, PLAN, &length);
	r = bootplan_parse(&check->plan, text, length, &why);
	if (r == -ENOMEM) {
		check->is_short_of_memory = true;
		return;
	}
	if (r < 0) {
		check_find(check, CHECK_PLAN_BROKEN, PLAN,
			   "cannot be read by init (%s); build the image again",
			   why ? why : strerror(-r));
		return;
	}
	check->has_plan = true;
	check_plan_modules(check);
	check_plan_programs(check);
	if (check->manifest_release && check->plan.image.release &&
	    !text_equal(check->manifest_release, check->plan.image.release))
		check_find(check, CHECK_PLAN_RELEASE, PLAN,
			   "is for kernel %s and the manifest for %s; build the image again",
			   check->plan.image.release, check->manifest_release);
}
