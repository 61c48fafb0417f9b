/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_choose.c - "boot: choose:": programs of which the running kernel decides
 *
 * In:    names of programs and what can stand for each; the manifest, which holds what programs a
 *        profile wants
 * Out:   "choose" lines of the plan, entries for the programs that they lead to
 * Not:   asking the kernel (init/choose.c)
 *
 * A name is redirected only where the image has it already: who leaves a program out of "programs:"
 * does not get it back through here.
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "plan.h"
#include "resolve_path.h"

/* whether the root has all programs of one choice */
static bool is_whole(const struct resolve *resolve, const struct value *programs)
{
	for (size_t i = 0; programs && i < programs->count; i++) {
		CLEANUP(memory_free) char *path = NULL;
		const char *name = value_text(programs->items[i], "");

		if (resolve_program_find(resolve->root, name, &path) < 0) {
			note("no '%s' in the root: one choice less", name);
			return false;
		}
	}
	return true;
}

/* one to choose from: 1 when it is in the plan */
static int plan_choice(struct resolve *resolve, const char *name, const char *pick,
		       const struct value *value, struct bootplan *plan)
{
	static const char *const words[] = { "always", "iptables-nft", "iptables-legacy" };
	const struct value *programs = value_get(value, "programs", NULL);
	const char *when = value_text(value_get(value, "when", NULL), words[0]);
	CLEANUP(strings_free) struct strings links = STRINGS_EMPTY;
	CLEANUP(text_free) struct text relation = TEXT_EMPTY;
	struct plan_choice *choice;

	if (programs && !is_whole(resolve, programs))
		return 0;
	text_format(&relation, "%s '%s'", name, pick);
	for (size_t i = 0; programs && i < programs->count; i++) {
		const struct origin *at = &programs->key_origins[i];
		CLEANUP(memory_free) char *target = NULL;
		CLEANUP(memory_free) char *path = NULL;
		int r = plan_program_place(resolve, programs->keys[i], at, &path);

		if (r == 0 && !path)
			continue;
		if (r == 0 && strchr(path, '='))
			r = fail_at(at, "'%s' cannot be chosen: there is a '=' in its path", path);
		if (r == 0)
			r = resolve_program_want(resolve, value_text(programs->items[i], ""),
						 &(struct want){ .relation = text_string(&relation),
								 .by = path + 1 },
						 &target);
		if (r == 0)
			r = strings_add_format(&links, "%s=%s", path, target);
		if (r < 0)
			return r;
	}
	if (programs && links.count == 0)
		return 0;
	choice = bootplan_add_choice(plan);
	if (!choice)
		return -ENOMEM;
	choice->name = strdup(name);
	choice->pick = strdup(pick);
	for (unsigned i = 0; i < COUNT_OF(words); i++)
		if (text_equal(words[i], when))
			choice->when = i;
	choice->links = links;
	links = STRINGS_EMPTY;
	return choice->name && choice->pick ? 1 : -ENOMEM;
}

int plan_choices(struct resolve *resolve, const struct value *choose, struct bootplan *plan)
{
	for (size_t i = 0; choose && i < choose->count; i++) {
		const struct value *choices = choose->items[i];

		for (size_t j = 0; j < choices->count; j++) {
			int r = plan_choice(resolve, choose->keys[i], choices->keys[j],
					    choices->items[j], plan);

			if (r < 0)
				return r;
		}
	}
	return 0;
}
