/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_order.c - in which order services start
 *
 * In:    the services of a plan, and what each needs
 * Out:   an order in which each comes after all that it needs
 */
#include <errno.h>
#include <string.h>

#include "service_order.h"

static const struct plan_service *service_find(const struct bootplan *plan, const char *name)
{
	for (size_t i = 0; i < plan->service_count; i++)
		if (text_equal(plan->services[i].name, name))
			return &plan->services[i];
	return NULL;
}

static bool choice_exists(const struct bootplan *plan, const char *name)
{
	for (size_t i = 0; i < plan->choice_count; i++)
		if (text_equal(plan->choices[i].name, name))
			return true;
	return false;
}

static int needs_exist(const struct bootplan *plan, const struct plan_service *service,
		       const char *name, struct text *reason)
{
	for (size_t i = 0; i < service->needs.count; i++) {
		if (service_find(plan, service->needs.items[i]) ||
		    choice_exists(plan, service->needs.items[i]) ||
		    (service == &plan->main &&
		     text_equal(service->needs.items[i], PLAN_NEEDS_NETWORK)))
			continue;
		text_format(reason, "'%s' needs '%s', which is no service or choice of the plan",
			    name, service->needs.items[i]);
		return -EINVAL;
	}
	return 0;
}

static bool is_placed(const struct bootplan *plan, const size_t *order, size_t count,
		      const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (text_equal(plan->services[order[i]].name, name))
			return true;
	return false;
}

/* can this one come next? */
static bool is_next(const struct bootplan *plan, const size_t *order, size_t count,
		    const struct plan_service *service)
{
	if (is_placed(plan, order, count, service->name))
		return false;
	for (size_t i = 0; i < service->needs.count; i++)
		if (service_find(plan, service->needs.items[i]) &&
		    !is_placed(plan, order, count, service->needs.items[i]))
			return false;
	return true;
}

int service_order(const struct bootplan *plan, size_t *order, struct text *reason)
{
	int r = needs_exist(plan, &plan->main, "main", reason);

	for (size_t i = 0; r == 0 && i < plan->service_count; i++) {
		const struct plan_service *service = &plan->services[i];

		if (service_find(plan, service->name) != service) {
			text_format(reason, "the service '%s' is there twice", service->name);
			return -EINVAL;
		}
		r = needs_exist(plan, service, service->name, reason);
	}
	if (r < 0)
		return r;
	for (size_t count = 0; count < plan->service_count; count++) {
		size_t i = 0;

		while (i < plan->service_count && !is_next(plan, order, count, &plan->services[i]))
			i++;
		if (i < plan->service_count) {
			order[count] = i;
			continue;
		}
		text_add(reason, "these services need each other in a circle:");
		for (i = 0; i < plan->service_count; i++)
			if (!is_placed(plan, order, count, plan->services[i].name))
				text_format(reason, " %s", plan->services[i].name);
		return -EINVAL;
	}
	return 0;
}
