/* SPDX-License-Identifier: Apache-2.0 */
/*
 * failures.c - what could not be made, for 'mkinitrd status' (see record.h)
 *
 * In:    failures
 * Out:   a line each: NAME, KVER, TIME, the image that was kept, why, with tabs between
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "fail.h"
#include "output.h"
#include "record.h"
#include "../init/lib/number.h"

#define FAILED_MOST ((size_t)1 << 20)

static void failure_free(struct failure *failure)
{
	free(failure->name);
	free(failure->release);
	free(failure->why);
	free(failure->kept);
}

void failures_free(struct failures *failures)
{
	for (size_t i = 0; i < failures->count; i++)
		failure_free(&failures->items[i]);
	free(failures->items);
	*failures = (struct failures){ 0 };
}

static int add(struct failures *failures, const char *name, const char *release, int64_t at,
	       const char *kept, const char *why)
{
	struct failure *items = reallocarray(failures->items, failures->count + 1, sizeof(*items));
	struct failure copy = { .at = at };

	if (!items)
		return -ENOMEM;
	failures->items = items;
	copy.name = strdup(name);
	copy.release = strdup(release);
	copy.why = strdup(why);
	copy.kept = strdup(kept);
	items[failures->count++] = copy;
	return copy.name && copy.release && copy.why && copy.kept ? 0 : -ENOMEM;
}

/* a line that is no failure is left out: the file is a help, not a contract */
static int take_line(char *line, struct failures *failures)
{
	char *fields[5];
	uint64_t at = 0;

	for (size_t i = 0; i < COUNT_OF(fields); i++)
		fields[i] = i < 4 ? strsep(&line, "\t") : line;
	if (!fields[4] || number_parse(fields[2], &at) < 0)
		return 0;
	return add(failures, fields[0], fields[1], (int64_t)at, fields[3], fields[4]);
}

int failures_load(const struct sysroot *root, struct failures *ret_failures)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	int r = sysroot_read(root, FAILED_FILE, FAILED_MOST, &content);
	char *rest = content.data, *line;

	if (r == -ENOENT)
		return 0;
	while (r == 0 && (line = strsep(&rest, "\n")) != NULL)
		r = take_line(line, ret_failures);
	return r < 0 ? fail(r, "cannot read '%s' in the root '%s'", FAILED_FILE, root->path) : 0;
}

static int save(const char *path, const struct failures *failures)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r;

	for (size_t i = 0; i < failures->count; i++) {
		const struct failure *failure = &failures->items[i];

		text_format(&text, "%s\t%s\t%lld\t%s\t%s\n", failure->name, failure->release,
			    (long long)failure->at, failure->kept, failure->why);
	}
	if (text.length == 0) {
		r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;
		return r < 0 ? fail(r, "cannot remove '%s'", path) : 0;
	}
	return text.failed ? fail(-ENOMEM, "cannot write '%s'", path)
			   : output_write(path, text_string(&text), text.length, 0644);
}

static bool is_about(const struct failure *failure, const char *name, const char *release)
{
	return (!name || text_equal(failure->name, name)) &&
	       (!release || text_equal(failure->release, release));
}

int failures_set(const char *prefix, const struct sysroot *root, const char *name,
		 const char *release, const char *why, const char *kept)
{
	CLEANUP(failures_free) struct failures failures = { 0 };
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;
	size_t left = 0;
	int r = failures_load(root, &failures);

	if (r < 0)
		return r;
	for (size_t i = 0; i < failures.count; i++) {
		if (is_about(&failures.items[i], name, release))
			failure_free(&failures.items[i]);
		else
			failures.items[left++] = failures.items[i];
	}
	if (left == failures.count && !why)
		return 0;
	failures.count = left;
	if (why)
		r = add(&failures, name, release, (int64_t)time(NULL), kept, why);
	text_format(&folder, "%s" STATE_FOLDER, prefix);
	text_format(&path, "%s" FAILED_FILE, prefix);
	if (r == 0)
		r = path.failed ? -ENOMEM : state_folder_make(text_string(&folder));
	return r < 0 ? fail(r, "cannot write '%s'", text_string(&path))
		     : save(text_string(&path), &failures);
}
