/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_scripts.c - "scripts:" of a profile
 *
 * In:    a manifest that has trees and files, and nothing else yet; scripts
 * Out:   the manifest as they have changed it, each change with the script that made it
 * Not:   the tree as files (script_layout.c), a script's process (script_run.c), user namespaces
 *        (script_world.c), what has changed (script_changes.c)
 *
 * A child that is root of a user namespace lays the tree out, runs them and looks what each has
 * changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "fail.h"
#include "process.h"
#include "resolve_trees.h"
#include "script_changes.h"
#include "script_world.h"
#include "../init/lib/file.h"

#define SCRIPT_MOST ((size_t)16 << 20)
#define FOLDER "tree"

/* ---- in the child ---- */

static void result_free(struct script_result *result)
{
	text_free(&result->output);
}

static int run_one(const struct scripts_run *run, const struct script_wish *wish,
		   const char *folder)
{
	CLEANUP(result_free) struct script_result result = { .output = TEXT_EMPTY };
	CLEANUP(text_free) struct text ended = TEXT_EMPTY;
	int r = script_run(&wish->script, folder, &result);

	if (r < 0)
		return fail(r, "cannot run the script '%s'", wish->script.name);
	if (result.lacks_proc)
		warn("the script '%s' runs without /proc, which this system does not allow in a "
		     "user namespace (a container, perhaps, in which parts of /proc are covered); "
		     "run mkinitrd outside of it if the script needs that",
		     wish->script.name);
	if (result.status == 0 && run->resolve) {
		if (verbosity_get() >= VERBOSE)
			process_show(&result.output);
		return 0;
	}
	process_show(&result.output);
	process_describe(result.status, &ended);
	return fail_at(&wish->at, "the script '%s' %s (its output is above); nothing was written",
		       wish->script.name, text_string(&ended));
}

static int run_all(const struct scripts_run *run)
{
	CLEANUP(text_free) struct text folder = TEXT_EMPTY;
	CLEANUP(sights_free) struct sights before = { 0 };
	int r = layout_make(run->resolve->manifest, run->folder_fd);

	text_format(&folder, "%s/%s", run->resolve->foreign->spool.path, FOLDER);
	if (r == 0)
		r = sights_take(run->folder_fd, &before);
	for (size_t i = 0; r == 0 && i < run->count; i++) {
		struct sights now = { 0 };

		r = run_one(run, &run->wishes[i], text_string(&folder));
		if (r == 0)
			r = sights_take(run->folder_fd, &now);
		if (r == 0)
			r = script_changes_put(run, i, &before, &now);
		sights_free(&before);
		before = now;
	}
	/* here are the rights to remove what scripts have made */
	remove_all(run->folder_fd);
	return r;
}

/* ---- in the parent ---- */

static int run_in_child(struct scripts_run *run)
{
	pid_t pid = world_start();
	int status = 0;

	if (pid < 0)
		return (int)pid;
	if (pid == 0)
		_exit(run_all(run) < 0 ? 1 : 0);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		return fail(0, "cannot run scripts: their process was killed by signal %d",
			    WTERMSIG(status));
	return status ? -EIO : 0; /* said there */
}

static int run_scripts(struct scripts_run *run)
{
	const struct spool *spool = &run->resolve->foreign->spool;
	CLEANUP(file_close) FILE *results = tmpfile();
	int r;

	if (!results || mkdirat(spool->fd, FOLDER, 0755) < 0)
		return fail(-errno, "cannot lay out a tree for scripts in '%s'", spool->path);
	run->results_fd = fileno(results);
	run->folder_fd = openat(spool->fd, FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = run->folder_fd < 0 ? fail(-errno, "cannot lay out a tree for scripts") : 0;
	/* names that the child gives in the spool must not be given again */
	if (r == 0)
		r = run_in_child(run);
	fd_close(&run->folder_fd);
	if (r < 0)
		return r;
	rewind(results);
	return script_changes_take(run, results);
}

/* ---- the profile ---- */

static int read_from(struct resolve *resolve, struct script_wish *wish, const struct value *from)
{
	CLEANUP(memory_free) char *path = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct sysroot beside = { .fd = profile_directory_fd(&from->origin) };
	const struct sysroot *root;
	CLEANUP(fd_close) int fd = -1;
	int r = profile_expand(resolve->profile, value_text(from, ""), from->origin, &path);

	if (r < 0)
		return r;
	root = path[0] == '/' ? resolve->root : &beside;
	if (root->fd < 0)
		return fail_at(&from->origin, "'%s' is relative, but stands in no file", path);
	fd = sysroot_open(root, path, O_RDONLY | O_NONBLOCK);
	r = fd < 0 ? fd : file_read_fd(fd, SCRIPT_MOST, &text);
	if (r < 0)
		return fail(r, "cannot read '%s' for the script '%s'", path, wish->script.name);
	wish->script.size = text.length;
	return text_take(&text, &wish->script.content);
}

static int read_wish(struct resolve *resolve, struct script_wish *wish)
{
	const struct value *content = value_get(wish->value, "content", NULL);
	const struct value *from = value_get(wish->value, "from", NULL);
	int r;

	if (!content == !from)
		return fail_at(&wish->at,
			       "the script '%s' has nothing to run; give it 'content:' or "
			       "'from:'",
			       wish->script.name);
	if (from)
		return read_from(resolve, wish, from);
	r = profile_expand(resolve->profile, value_text(content, ""), content->origin,
			   &wish->script.content);
	wish->script.size = r < 0 ? 0 : strlen(wish->script.content);
	return r;
}

static int wish_order(const void *left, const void *right)
{
	const struct script_wish *a = left, *b = right;

	return strcmp(a->script.name, b->script.name);
}

/* the profile's values and little else: what this machine has in its environment is not the image's
 * business */
static int make_environment(const struct resolve *resolve, struct strings *environment)
{
	const struct value *values = value_get(resolve->profile->root, "values", NULL);
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	int r = strings_add(environment,
			    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

	if (r == 0)
		r = strings_add(environment, "HOME=/root");
	if (r == 0)
		r = strings_add(environment, "LC_ALL=C.UTF-8");
	if (r == 0)
		r = strings_add_format(environment, "SOURCE_DATE_EPOCH=%s", epoch ? epoch : "0");
	for (size_t i = 0; r == 0 && values && i < values->count; i++) {
		CLEANUP(memory_free) char *name = strdup(values->keys[i]);

		for (char *at = name; at && *at; at++)
			*at = *at == '-' ? '_' : *at;
		r = name ? strings_add_format(environment, "MKINITRD_%s=%s", name,
					      value_text(values->items[i], ""))
			 : -ENOMEM;
	}
	return r;
}

int resolve_scripts(struct resolve *resolve, const struct value *scripts)
{
	CLEANUP(strings_free) struct strings environment = STRINGS_EMPTY;
	struct scripts_run run = { .resolve = resolve, .folder_fd = -1, .results_fd = -1 };
	size_t count = scripts ? scripts->count : 0;
	int r = 0;

	if (count == 0)
		return 0;
	if (!foreign_get(resolve))
		return -EIO;
	run.wishes = calloc(count, sizeof(*run.wishes));
	r = run.wishes ? make_environment(resolve, &environment) : -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++) {
		struct script_wish *wish = &run.wishes[run.count];

		if (scripts->items[i]->kind == VALUE_NULL)
			continue;
		wish->script.name = scripts->keys[i];
		wish->script.environment = environment.items;
		wish->value = scripts->items[i];
		wish->at = scripts->key_origins[i];
		run.count++;
		r = read_wish(resolve, wish);
	}
	if (run.count)
		qsort(run.wishes, run.count, sizeof(*run.wishes), wish_order);
	if (r == 0)
		r = resolve_finish(resolve);
	if (r == 0 && run.count)
		r = run_scripts(&run);
	for (size_t i = 0; i < run.count; i++)
		free(run.wishes[i].script.content);
	free(run.wishes);
	return r;
}
