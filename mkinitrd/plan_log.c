/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_log.c - "boot: log:", "rescue:" and "tmpfs:": what init writes, asks for, and may fill
 *
 * In:    the checked profile; the plan's disk
 * Out:   lines of the plan
 * Not:   writing, asking, mounting (init/logfile.c, rescue_password.c, mounts.c)
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "plan.h"
#include "../init/lib/number.h"

#define LOG_LIMIT (8ULL << 20)
#define LOG_LIMIT_LEAST (64ULL << 10)

/* beside what else is kept on the disk */
static int default_path(const struct bootplan *plan, const struct value *log, char **ret_path)
{
	if (!plan->has_disk)
		return fail_at(&log->origin, "'log:' has no 'path:', and there is no 'disk:' that "
					     "the file could be on; give it a path");
	return asprintf(ret_path, "%s/mkinitrd/log", plan->disk.at) < 0 ? -ENOMEM : 0;
}

static int plan_log_file(struct resolve *resolve, const struct value *log, struct bootplan *plan)
{
	const struct value *path = value_get(log, "path", NULL);
	const struct value *limit = value_get(log, "limit", NULL);
	CLEANUP(memory_free) char *text = NULL;
	int r;

	plan->log.limit = LOG_LIMIT;
	if (limit)
		(void)size_parse(value_text(limit, ""), &plan->log.limit);
	if (plan->log.limit < LOG_LIMIT_LEAST)
		return fail_at(&limit->origin,
			       "'limit: %s' is too small for a log; give it 64K "
			       "or more",
			       value_text(limit, ""));
	r = path ? profile_expand(resolve->profile, value_text(path, ""), path->origin, &text)
		 : default_path(plan, log, &text);
	if (r == 0)
		plan->log.path = text_pointer_take(&text);
	return r;
}

int plan_log(struct resolve *resolve, const struct value *log, struct bootplan *plan)
{
	const char *to = value_text(value_get(log, "to", NULL), "kmsg");

	if (!log)
		return 0;
	plan->has_log = true;
	plan->log.to = text_equal(to, "file")      ? PLAN_LOG_FILE
		       : text_equal(to, "console") ? PLAN_LOG_CONSOLE
						   : PLAN_LOG_KMSG;
	return plan->log.to == PLAN_LOG_FILE ? plan_log_file(resolve, log, plan) : 0;
}

int plan_rescue(const struct value *rescue, struct bootplan *plan)
{
	const char *password = value_text(value_get(rescue, "password", NULL), NULL);

	if (!password)
		return 0;
	plan->has_rescue = true;
	plan->rescue.password = strdup(password);
	return plan->rescue.password ? 0 : -ENOMEM;
}

int plan_tmpfs(const struct value *sizes, struct bootplan *plan)
{
	for (size_t i = 0; sizes && i < sizes->count; i++) {
		struct plan_tmpfs *tmpfs = bootplan_add_tmpfs(plan);

		if (!tmpfs)
			return -ENOMEM;
		tmpfs->at = strdup(sizes->keys[i]);
		tmpfs->size = strdup(value_text(sizes->items[i], ""));
		if (!tmpfs->at || !tmpfs->size)
			return -ENOMEM;
	}
	return 0;
}
