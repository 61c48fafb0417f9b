/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits_step.c - step "limits": the resource limits of everything that is started
 *
 * In:    the plan's limits
 * Out:   those of this process, which all others inherit
 * Not:   how (limits.c)
 * Facts: docs/boot.md section 6
 */
#include <errno.h>
#include <string.h>

#include "limits.h"
#include "machine.h"

/* when the plan does not say */
static const struct plan_limit defaults[] = {
	{ .name = "nofile", .value = LIMIT_NOFILE },
	{ .name = "nproc", .value = UINT64_MAX },
};

static bool is_limited(const struct plan_limit *limits, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (limits[i].name && text_equal(limits[i].name, name))
			return true;
	return false;
}

/* a container may have less than that, and may not raise it: then all there is */
static int set(const struct machine *machine, const struct plan_limit *limit, struct text *details)
{
	uint64_t most;
	int r = limit_set(limit->name, limit->value, details);

	if (r != -EPERM || !machine->container || limit_get(limit->name, &most) < 0)
		return r;
	return limit_set(limit->name, most, details);
}

static int refuse(struct step_record *record, int error, const char *name)
{
	return step_details(record, error, "cannot set '%s': %s", name, strerror(-error));
}

int step_limits(struct machine *machine, struct step_record *record)
{
	const struct bootplan *plan = &machine->plan;
	CLEANUP(text_free) struct text details = TEXT_EMPTY;
	bool is_wrong = false;

	for (size_t i = 0; i < plan->limit_count; i++) {
		const struct plan_limit *limit = &plan->limits[i];
		uint64_t now;

		if (!limit->name || is_limited(plan->limits, i, limit->name) ||
		    limit_get(limit->name, &now) < 0) {
			is_wrong = true;
			continue;
		}
		int r = set(machine, limit, &details);

		if (r < 0)
			return refuse(record, r, limit->name);
	}
	for (size_t i = 0; i < COUNT_OF(defaults); i++) {
		int r = is_limited(plan->limits, plan->limit_count, defaults[i].name)
				? 0
				: set(machine, &defaults[i], &details);

		if (r < 0)
			return refuse(record, r, defaults[i].name);
	}
	if (is_wrong)
		return step_details(record, -EINVAL,
				    "the plan names a limit twice, or one that is none; set: %s",
				    text_string(&details));
	return step_details(record, 0, "%s", text_string(&details));
}
