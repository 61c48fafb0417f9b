/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.c - the resource limits of everything that is started
 *
 * In:    the plan's limits
 * Out:   setrlimit(2) of this process, which all others inherit
 * Facts: the kernel gives PID 1 1024/4096 open files, and containers inherit that; nofile cannot
 *        go past fs.nr_open: docs/boot.md section 6, getrlimit(2)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/file.h"
#include "lib/number.h"
#include "machine.h"

// clang-format off
static const struct limit_row {
	const char *name; /* as in prlimit(1) */
	__rlimit_resource_t resource;
	bool has_default;
	uint64_t otherwise; /* when the plan does not say */
} rows[] = {
	{ "as",         RLIMIT_AS,         false, 0 },
	{ "core",       RLIMIT_CORE,       false, 0 },
	{ "cpu",        RLIMIT_CPU,        false, 0 },
	{ "data",       RLIMIT_DATA,       false, 0 },
	{ "fsize",      RLIMIT_FSIZE,      false, 0 },
	{ "locks",      RLIMIT_LOCKS,      false, 0 },
	{ "memlock",    RLIMIT_MEMLOCK,    false, 0 },
	{ "msgqueue",   RLIMIT_MSGQUEUE,   false, 0 },
	{ "nice",       RLIMIT_NICE,       false, 0 },
	{ "nofile",     RLIMIT_NOFILE,     true,  1048576 },
	{ "nproc",      RLIMIT_NPROC,      true,  UINT64_MAX },
	{ "rss",        RLIMIT_RSS,        false, 0 },
	{ "rtprio",     RLIMIT_RTPRIO,     false, 0 },
	{ "rttime",     RLIMIT_RTTIME,     false, 0 },
	{ "sigpending", RLIMIT_SIGPENDING, false, 0 },
	{ "stack",      RLIMIT_STACK,      false, 0 },
};
// clang-format on

static const struct plan_limit *limit_find(const struct bootplan *plan, const char *name)
{
	for (size_t i = 0; i < plan->limit_count; i++)
		if (plan->limits[i].name && text_equal(plan->limits[i].name, name))
			return &plan->limits[i];
	return NULL;
}

static uint64_t clamp_nofile(uint64_t value)
{
	CLEANUP(memory_free) char *line = NULL;
	uint64_t most;

	if (file_read_line(AT_FDCWD, "/proc/sys/fs/nr_open", &line) < 0 ||
	    number_parse(line, &most) < 0 || value <= most)
		return value;
	(void)log_line(LOG_WARNING, -EPERM,
		       "limits: nofile=%llu is more than fs.nr_open allows, using %llu instead",
		       (unsigned long long)value, (unsigned long long)most);
	return most;
}

static int limit_set(const struct limit_row *row, uint64_t value, struct text *details)
{
	struct rlimit limit;

	if (row->resource == RLIMIT_NOFILE)
		value = clamp_nofile(value);
	limit.rlim_cur = limit.rlim_max = value == UINT64_MAX ? RLIM_INFINITY : (rlim_t)value;
	if (setrlimit(row->resource, &limit) < 0)
		return -errno;
	text_format(details, "%s%s=", details->length ? " " : "", row->name);
	if (value == UINT64_MAX)
		text_add(details, "infinity");
	else
		text_format(details, "%llu", (unsigned long long)value);
	return 0;
}

int step_limits(struct machine *machine, struct step_record *record)
{
	CLEANUP(text_free) struct text details = TEXT_EMPTY;
	size_t known = 0;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct plan_limit *limit = limit_find(&machine->plan, rows[i].name);
		int r;

		known += limit != NULL;
		if (!limit && !rows[i].has_default)
			continue;
		r = limit_set(&rows[i], limit ? limit->value : rows[i].otherwise, &details);
		if (r < 0)
			return step_details(record, r, "cannot set '%s': %s", rows[i].name,
					    strerror(-r));
	}
	if (known < machine->plan.limit_count)
		return step_details(record, -EINVAL,
				    "the plan names a limit twice, or one that is none; set: %s",
				    text_string(&details));
	return step_details(record, 0, "%s", text_string(&details));
}
