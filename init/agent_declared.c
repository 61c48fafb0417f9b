/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_declared.c - the containers that the boot plan declares, and those that it once did
 *
 * In:    the plan's lines "declared"; containers with our label
 * Out:   the declared ones run as they are declared; ours that are not declared are gone. One line:
 *        "started=A kept=B,C replaced=D removed=E", or the first reason why not
 * Not:   containers without our label, which nothing here touches; images (agent_declared_image.c)
 *
 * A container whose declaration did not change is left as it is, and Docker starts it by its
 * restart policy. One that changed is replaced: the new one is made, under the name NAME.new,
 * while the old one runs; then the old one is stopped, since both may publish the same port, the
 * new one is started, the old one removed, and the new one renamed. When the new one does not
 * start, the old one is started again. Wherever that is cut short, the next boot goes on with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"
#include "agent_containers.h"
#include "agent_declaration.h"
#include "agent_declared_image.h"
#include "lib/file.h"

#define PLAN_LIMIT (16u << 20)
/* a machine that just boots may take its time to start a container, and one that is taken for
 * failed would still come up */
#define SILENCE_MS (5u * 60 * 1000)

/* what was done, as lists of names */
struct outcome {
	struct text started, kept, replaced, removed;
	struct text failure; /* the first */
};

static void outcome_free(struct outcome *outcome)
{
	text_free(&outcome->started);
	text_free(&outcome->kept);
	text_free(&outcome->replaced);
	text_free(&outcome->removed);
	text_free(&outcome->failure);
}

struct work {
	const struct agent_arguments *arguments;
	const struct docker *docker;
	const struct bootplan *plan;
	struct docker_containers ours;
	struct outcome outcome;
};

static void note(struct text *list, const char *name)
{
	text_add(list, list->length > 0 ? "," : "");
	text_add(list, name);
}

/* the first failure ends up in the step's line, each of them in the log */
static void note_failure(struct work *work, const char *name, const char *reason)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	text_format(&line, "%s: %s", name, reason);
	if (work->outcome.failure.length == 0)
		text_add(&work->outcome.failure, text_string(&line));
	else
		agent_line(stderr, &line);
}

/* ---- containers ---- */

static bool is_of(const struct docker_container *container, const char *name)
{
	return container->id && text_equal(container->declared, name);
}

/* the container that is as declared; of two the one that has the name */
static struct docker_container *find_same(struct work *work, const struct declaration *declaration)
{
	struct docker_container *found = NULL;

	for (size_t i = 0; i < work->ours.count; i++) {
		struct docker_container *item = &work->ours.items[i];

		if (is_of(item, declaration->plan->name) &&
		    text_equal(item->hash, declaration->hash) &&
		    (!found || text_equal(item->name, declaration->plan->name)))
			found = item;
	}
	return found;
}

/* the one that it takes the place of: that of the name, or what an interrupted change left */
static struct docker_container *find_old(struct work *work, const char *name,
					 const struct docker_container *same)
{
	struct docker_container *found = NULL;

	for (size_t i = 0; i < work->ours.count; i++) {
		struct docker_container *item = &work->ours.items[i];

		if (item != same && is_of(item, name) && (!found || text_equal(item->name, name)))
			found = item;
	}
	return found;
}

/* gone from Docker, and from our list */
static int drop(struct work *work, struct docker_container *container, struct text *reason)
{
	int r;

	/* what cannot be stopped in peace is killed */
	(void)docker_stop(work->docker, container->id, reason);
	text_clear(reason);
	r = docker_remove(work->docker, container->name, reason);
	if (r == 0)
		memory_free(&container->id);
	return r;
}

/* all of this name but @same and @old: leftovers of a change that was cut short */
static int drop_leftovers(struct work *work, const char *name, const struct docker_container *same,
			  const struct docker_container *old, struct text *reason)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < work->ours.count; i++) {
		struct docker_container *item = &work->ours.items[i];

		if (item != same && item != old && is_of(item, name))
			r = drop(work, item, reason);
	}
	return r;
}

/* the container @id takes the place of @old, which may be NULL */
static int take_place(struct work *work, const char *name, const char *id,
		      struct docker_container *old, struct text *reason)
{
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	int r = old ? docker_stop(work->docker, old->id, reason) : 0;

	if (r == 0)
		r = docker_start(work->docker, id, reason);
	if (r < 0) {
		if (old && docker_start(work->docker, old->id, &why) == 0)
			text_add(reason, "; the one before it runs again");
		(void)docker_remove(work->docker, id, &why);
		return r;
	}
	if (old)
		r = docker_remove(work->docker, old->id, reason);
	return r < 0 || !old ? r : docker_rename(work->docker, id, name, reason);
}

/* one that is as declared. Docker starts it by its policy; without one it runs once in each boot,
 * and only an unless-stopped one stays down when somebody stopped it */
static int keep(struct work *work, const struct declaration *declaration,
		struct docker_container *same, struct text *reason)
{
	const struct plan_declared *plan = declaration->plan;
	struct docker_container *old = find_old(work, plan->name, same);
	bool has_name = text_equal(same->name, plan->name);
	int r = drop_leftovers(work, plan->name, same, has_name ? NULL : old, reason);

	if (r == 0 && !has_name && old)
		r = take_place(work, plan->name, same->id, old, reason);
	else if (r == 0 && !has_name)
		r = docker_rename(work->docker, same->id, plan->name, reason);
	if (r == 0 && !same->is_running &&
	    (plan->restart == PLAN_RESTART_NO || plan->restart == PLAN_RESTART_FAILURE ||
	     !has_name))
		r = docker_start(work->docker, same->id, reason);
	if (r == 0 && declaration->carried)
		(void)unlink(declaration->carried->archive);
	if (r == 0)
		note(&work->outcome.kept, plan->name);
	return r;
}

static int make(struct work *work, const struct declaration *declaration, bool may_pull,
		struct text *reason)
{
	const char *name = declaration->plan->name;
	struct docker_container *old = find_old(work, name, NULL);
	CLEANUP(text_free) struct text new_name = TEXT_EMPTY;
	CLEANUP(memory_free) char *id = NULL;
	CLEANUP(memory_free) char *old_image = NULL;
	int r = declared_image(work->docker, &work->ours, declaration, work->arguments->docker,
			       may_pull, &old_image, reason);

	if (r == 0)
		r = drop_leftovers(work, name, NULL, old, reason);
	/* only a leftover runs: it gets the name back first */
	if (r == 0 && old && !text_equal(old->name, name))
		r = docker_rename(work->docker, old->id, name, reason);
	if (r < 0)
		return r;
	text_format(&new_name, old ? "%s.new" : "%s", name);
	r = docker_create(work->docker, text_string(&new_name), declaration->body, &id, reason);
	if (r == 0)
		r = take_place(work, name, id, old, reason);
	if (r < 0)
		return r;
	if (old_image)
		docker_image_drop(work->docker, old_image);
	note(old ? &work->outcome.replaced : &work->outcome.started, name);
	return 0;
}

/* Return: 0, also when it failed, which is noted; -EAGAIN when it waits for a pull */
static int bring_about(struct work *work, const struct plan_declared *plan, bool may_pull)
{
	CLEANUP(declaration_free) struct declaration declaration = { 0 };
	CLEANUP(text_free) struct text reason = TEXT_EMPTY;
	struct docker_container *same;
	int r = declaration_read(work->plan, plan, &declaration, &reason);

	if (r == 0 && reason.length > 0) { /* something was put right */
		CLEANUP(text_free) struct text line = TEXT_EMPTY;

		text_format(&line, "%s: %s", plan->name, text_string(&reason));
		agent_line(stderr, &line);
		text_clear(&reason);
	}
	if (r == 0) {
		same = find_same(work, &declaration);
		r = same ? keep(work, &declaration, same, &reason)
			 : make(work, &declaration, may_pull, &reason);
	}
	if (r < 0 && r != -EAGAIN)
		note_failure(work, plan->name ? plan->name : "a container without a name",
			     reason.length > 0 ? text_string(&reason) : strerror(-r));
	return r == -EAGAIN ? r : 0;
}

static bool is_declared(const struct bootplan *plan, const char *name)
{
	for (size_t i = 0; i < plan->declared_count; i++)
		if (plan->declared[i].name && text_equal(plan->declared[i].name, name))
			return true;
	return false;
}

static void remove_undeclared(struct work *work)
{
	for (size_t i = 0; i < work->ours.count; i++) {
		struct docker_container *item = &work->ours.items[i];
		CLEANUP(text_free) struct text reason = TEXT_EMPTY;

		if (is_declared(work->plan, item->declared))
			continue;
		if (drop(work, item, &reason) < 0)
			note_failure(work, item->name, text_string(&reason));
		else
			note(&work->outcome.removed, item->name);
	}
}

/* those whose images are here first: a pull may take long */
static void bring_all_about(struct work *work)
{
	CLEANUP(memory_free) bool *waits = calloc(work->plan->declared_count + 1, sizeof(*waits));

	if (!waits) {
		note_failure(work, "containers", strerror(ENOMEM));
		return;
	}
	for (size_t i = 0; i < work->plan->declared_count; i++)
		waits[i] = bring_about(work, &work->plan->declared[i], false) == -EAGAIN;
	for (size_t i = 0; i < work->plan->declared_count; i++)
		if (waits[i])
			(void)bring_about(work, &work->plan->declared[i], true);
}

/* ---- the subcommand ---- */

static int plan_read(const char *path, struct bootplan *plan, struct text *reason)
{
	CLEANUP(memory_free) char *error = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = file_read(AT_FDCWD, path ? path : BOOTPLAN_PATH, PLAN_LIMIT, &text);

	if (r == 0)
		r = bootplan_parse(plan, text_string(&text), text.length, &error);
	if (r < 0)
		text_format(reason, "cannot read '%s': %s", path ? path : BOOTPLAN_PATH,
			    error ? error : strerror(-r));
	return r;
}

static void say(const struct outcome *outcome)
{
	const struct {
		const char *key;
		const struct text *names;
	} rows[] = {
		{ "started", &outcome->started },
		{ "kept", &outcome->kept },
		{ "replaced", &outcome->replaced },
		{ "removed", &outcome->removed },
	};
	CLEANUP(text_free) struct text line = TEXT_EMPTY;

	text_add(&line, text_string(&outcome->failure));
	for (size_t i = 0; outcome->failure.length == 0 && i < COUNT_OF(rows); i++)
		if (rows[i].names->length > 0)
			text_format(&line, "%s%s=%s", line.length > 0 ? " " : "", rows[i].key,
				    text_string(rows[i].names));
	agent_line(stdout, &line);
}

int agent_declared(const struct agent_arguments *arguments, const struct docker *docker)
{
	CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
	CLEANUP(text_free) struct text reason = TEXT_EMPTY;
	const struct docker patient = { docker->socket_path, SILENCE_MS };
	struct work work = { .arguments = arguments, .docker = &patient, .plan = &plan };
	bool failed;
	int r = docker_wait(docker, arguments->wait_ms, &reason);

	if (r == 0)
		r = plan_read(arguments->plan, &plan, &reason);
	if (r == 0)
		r = docker_containers_ours(docker, &work.ours, &reason);
	if (r < 0) {
		agent_line(stdout, &reason);
		return EXIT_FAILED;
	}
	/* first those that go: their ports may be those of others */
	remove_undeclared(&work);
	bring_all_about(&work);
	say(&work.outcome);
	failed = work.outcome.failure.length > 0;
	outcome_free(&work.outcome);
	docker_containers_free(&work.ours);
	return failed ? EXIT_FAILED : EXIT_OK;
}
