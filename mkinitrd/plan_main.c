/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_main.c - whom a program of the plan runs as, where, and how it ends; main as "run:" has it
 *
 * In:    a service or main of the checked profile; "run:"; the manifest, for /etc/passwd, folders
 *        and programs of the tree
 * Out:   the plan's line
 * Not:   the rest of a service (plan.c)
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "plan.h"
#include "resolve_trees.h"
#include "../init/lib/account.h"
#include "../init/lib/file.h"

#define LIST_BYTES ((size_t)1 << 20)

/* ---- whom it runs as ---- */

/* a text of the image as it is so far; none: empty */
static int read_entry(const struct resolve *resolve, const char *path, struct text *text)
{
	CLEANUP(memory_free) char *place = NULL;
	CLEANUP(fd_close) int fd = -1;
	const struct entry *entry = NULL;
	int r = manifest_canonical(resolve->manifest, path, true, &place);

	if (r == 0)
		entry = manifest_find(resolve->manifest, place);
	if (!entry || entry->type != ENTRY_FILE)
		return r;
	r = entry_open(entry, &fd);
	if (r < 0)
		return r;
	r = file_read_fd(fd, LIST_BYTES, text);
	return r < 0 ? fail(r, "cannot read '%s' of the image", path) : 0;
}

static int check_user(const struct resolve *resolve, const char *name, const char *user,
		      const struct origin *at)
{
	CLEANUP(text_free) struct text passwd = TEXT_EMPTY;
	CLEANUP(text_free) struct text group = TEXT_EMPTY;
	CLEANUP(account_free) struct account account = ACCOUNT_ROOT;
	int r = read_entry(resolve, "/etc/passwd", &passwd);

	if (r == 0)
		r = read_entry(resolve, "/etc/group", &group);
	if (r < 0)
		return r;
	r = account_find(user, text_string(&passwd), text_string(&group), &account);
	return r < 0 ? fail_at(at, "'%s' cannot run as '%s' in the image: %s", name, user,
			       account_problem(r))
		     : 0;
}

/* ---- where it begins ---- */

/* as containers have it: a folder that is not there is made */
static int need_directory(struct resolve *resolve, const char *name, const char *directory,
			  const struct origin *at)
{
	CLEANUP(memory_free) char *place = NULL;
	CLEANUP(text_free) struct text relation = TEXT_EMPTY;
	struct addition addition = {
		.type = ENTRY_DIRECTORY,
		.mode = 0755,
		.source = { .directory_fd = -1 },
		.at = *at,
	};
	const struct entry *entry;
	int r = manifest_canonical(resolve->manifest, directory, true, &place);

	if (r < 0)
		return fail(r, "cannot look for '%s' in the image", directory);
	entry = manifest_find(resolve->manifest, place);
	if (!*place || (entry && entry->type == ENTRY_DIRECTORY))
		return 0;
	if (entry)
		return fail_at(at, "'%s' is to begin in '%s', which is no folder in the image",
			       name, directory);
	text_format(&relation, "folder of '%s'", name);
	addition.path = place;
	addition.relation = text_string(&relation);
	return manifest_add(resolve->manifest, &addition, NULL);
}

static const struct origin *origin_of(const struct value *value, const char *key,
				      const struct origin *otherwise)
{
	const struct value *own = value_get(value, key, NULL);

	return own ? &own->origin : otherwise;
}

int plan_place(struct resolve *resolve, const struct value *value, const char *name,
	       const struct run_settings *run, bool is_elsewhere, struct plan_service *service)
{
	const struct value *own = value_get(value, "stop-signal", NULL);
	int r = plan_text(resolve, value_get(value, "user", NULL), &service->user);

	if (r == 0)
		r = plan_text(resolve, value_get(value, "directory", NULL), &service->directory);
	if (r == 0)
		r = plan_text(resolve, own, &service->stop);
	if (r < 0)
		return r;
	if (!service->user && run->user)
		service->user = strdup(run->user);
	if (!service->directory && run->directory)
		service->directory = strdup(run->directory);
	if (!service->stop && run->stop_signal)
		service->stop = strdup(run->stop_signal);
	if (is_elsewhere)
		return 0;
	if (service->user)
		r = check_user(resolve, name, service->user, origin_of(value, "user", &run->at));
	if (r == 0 && service->directory)
		r = need_directory(resolve, name, service->directory,
				   origin_of(value, "directory", &run->at));
	return r;
}

/* ---- main as "run:" has it ---- */

bool plan_is_like_run(const struct profile *profile)
{
	return value_get(profile->root, "boot", "main", "like", NULL) != NULL;
}

int plan_run_find(const struct resolve *resolve, const struct run_settings *run, const char *name,
		  char **ret_path)
{
	const char *path = run_env(run, "PATH");
	CLEANUP(text_free) struct text whole = TEXT_EMPTY;

	if (*name != '/' && strchr(name, '/')) {
		text_format(&whole, "%s/%s", run->directory ? run->directory : "", name);
		name = text_string(&whole);
	}
	return whole.failed ? -ENOMEM : trees_program_in(resolve, name, path, ret_path);
}

int plan_run_exec(struct resolve *resolve, const struct run_settings *run,
		  const struct value *value, struct strings *ret_exec)
{
	const char *path = run_env(run, "PATH");
	bool has_tree = resolve->foreign && resolve->foreign->has_root;
	char *found = NULL;
	int r = run_command(run, ret_exec);

	if (r < 0)
		return fail(r, "cannot read 'run:'");
	if (ret_exec->count == 0)
		return fail_at(&value->origin,
			       "'boot: main: like: run' finds no command there; give "
			       "it 'run: exec:', the program and its arguments");
	r = plan_run_find(resolve, run, ret_exec->items[0], &found);
	if (r == -ENOENT && has_tree)
		return fail_at(
			&run->exec_at,
			"the tree has no program '%s' to run as main%s%s%s; name another, or "
			"correct its PATH ('run: env:')",
			ret_exec->items[0], strchr(ret_exec->items[0], '/') ? "" : " (searched: ",
			strchr(ret_exec->items[0], '/') ? ""
			: path                          ? path
							: "the usual folders",
			strchr(ret_exec->items[0], '/') ? "" : ")");
	if (r == -ENOENT)
		r = resolve_program(resolve, ret_exec->items[0], "program of 'main'", &run->exec_at,
				    false, &found);
	if (r < 0)
		return r;
	free(ret_exec->items[0]);
	ret_exec->items[0] = found;
	return 0;
}
