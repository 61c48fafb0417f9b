/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_root.c - "boot: root:": a root on a disk
 *
 * In:    the checked profile
 * Out:   the plan's "root" line; where programs are looked up then
 * Not:   the root that the image carries (its layout writes that line)
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "plan.h"
#include "../init/lib/number.h"

#define WAIT_MS 10000

bool plan_has_tree(const struct bootplan *plan)
{
	return plan->has_root && plan->root.find && !text_equal(plan->root.find, "none");
}

int plan_root(struct resolve *resolve, const struct value *root, struct bootplan *bootplan)
{
	struct plan_root *plan = &bootplan->root;
	const struct {
		const char *key;
		char **text;
	} rows[] = {
		{ "find", &plan->find }, { "image", &plan->image }, { "inner", &plan->inner },
		{ "type", &plan->type }, { "flags", &plan->flags }, { "cow", &plan->cow },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && root && i < COUNT_OF(rows); i++)
		r = plan_text(resolve, value_get(root, rows[i].key, NULL), rows[i].text);
	if (r < 0 || !root)
		return r;
	if (!plan->find)
		return fail_at(&root->origin, "'root:' has no 'find:'; name its device, or none");
	plan->wait = WAIT_MS;
	(void)duration_parse(value_text(value_get(root, "wait", NULL), ""), &plan->wait);
	if (plan->wait == 0)
		plan->wait = BOOTPLAN_NO_WAIT;
	bootplan->has_root = !text_equal(plan->find, "none");
	for (size_t i = 1; i < 5 && !bootplan->has_root; i++)
		if (*rows[i].text)
			return fail_at(&value_get(root, rows[i].key, NULL)->origin,
				       "'%s:' is for a root on a device; name that with 'find:'",
				       rows[i].key);
	if (!bootplan->has_root)
		memory_free(&plan->find);
	return 0;
}

int plan_exec_in_tree(const struct resolve *resolve, const struct value *list,
		      struct strings *ret_exec)
{
	int r = plan_texts(resolve, list, ret_exec);

	if (r < 0 || ret_exec->count == 0 || ret_exec->items[0][0] == '/')
		return r;
	return fail_at(&list->items[0]->origin,
		       "'%s' is started in the root that 'boot: root:' finds, which is not looked "
		       "into here; give its whole path there",
		       ret_exec->items[0]);
}
