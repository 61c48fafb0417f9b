/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.c - resource limits by name
 *
 * In:    names and values
 * Out:   setrlimit(2) of this process, which all others inherit
 * Not:   which there are to be (limits_step.c, dockerlaunch_kernel.c)
 * Facts: the kernel gives PID 1 1024/4096 open files, and containers inherit that; nofile cannot
 *        go past fs.nr_open: docs/boot.md section 6, getrlimit(2)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/file.h"
#include "lib/number.h"
#include "limits.h"
#include "log.h"

// clang-format off
static const struct limit_row {
	const char *name; /* as in prlimit(1) */
	__rlimit_resource_t resource;
} rows[] = {
	{ "as",         RLIMIT_AS },
	{ "core",       RLIMIT_CORE },
	{ "cpu",        RLIMIT_CPU },
	{ "data",       RLIMIT_DATA },
	{ "fsize",      RLIMIT_FSIZE },
	{ "locks",      RLIMIT_LOCKS },
	{ "memlock",    RLIMIT_MEMLOCK },
	{ "msgqueue",   RLIMIT_MSGQUEUE },
	{ "nice",       RLIMIT_NICE },
	{ "nofile",     RLIMIT_NOFILE },
	{ "nproc",      RLIMIT_NPROC },
	{ "rss",        RLIMIT_RSS },
	{ "rtprio",     RLIMIT_RTPRIO },
	{ "rttime",     RLIMIT_RTTIME },
	{ "sigpending", RLIMIT_SIGPENDING },
	{ "stack",      RLIMIT_STACK },
};
// clang-format on

static const struct limit_row *row_find(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (text_equal(rows[i].name, name))
			return &rows[i];
	return NULL;
}

uint64_t limit_nofile_most(void)
{
	CLEANUP(memory_free) char *line = NULL;
	uint64_t most;

	if (file_read_line(AT_FDCWD, "/proc/sys/fs/nr_open", &line) < 0 ||
	    number_parse(line, &most) < 0)
		return UINT64_MAX;
	return most;
}

static uint64_t clamp_nofile(uint64_t value)
{
	uint64_t most = limit_nofile_most();

	if (value <= most)
		return value;
	(void)log_line(LOG_WARNING, -EPERM,
		       "limits: nofile=%llu is more than fs.nr_open allows, using %llu instead",
		       (unsigned long long)value, (unsigned long long)most);
	return most;
}

int limit_get(const char *name, uint64_t *ret_value)
{
	const struct limit_row *row = row_find(name);
	struct rlimit limit;

	if (!row)
		return -EINVAL;
	if (getrlimit(row->resource, &limit) < 0)
		return -errno;
	*ret_value = limit.rlim_max == RLIM_INFINITY ? UINT64_MAX : limit.rlim_max;
	return 0;
}

int limit_set(const char *name, uint64_t value, struct text *details)
{
	const struct limit_row *row = row_find(name);
	struct rlimit limit;

	if (!row)
		return -EINVAL;
	if (row->resource == RLIMIT_NOFILE)
		value = clamp_nofile(value);
	limit.rlim_cur = limit.rlim_max = value == UINT64_MAX ? RLIM_INFINITY : (rlim_t)value;
	if (setrlimit(row->resource, &limit) < 0)
		return -errno;
	if (!details)
		return 0;
	text_format(details, "%s%s=", details->length ? " " : "", row->name);
	if (value == UINT64_MAX)
		text_add(details, "infinity");
	else
		text_format(details, "%llu", (unsigned long long)value);
	return 0;
}
