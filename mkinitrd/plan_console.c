/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan_console.c - "boot: console:" and "boot: shell:": what is on the machine's terminals
 *
 * In:    the checked profile; its containers
 * Out:   the plan's "console" and "shell" lines; entries for the shell's program
 * Not:   choosing among the images (init/agent_console.c)
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "plan.h"

/* SOURCE:TARGET or SOURCE:TARGET:OPTIONS, both absolute */
static int check_bind(const char *bind, const struct origin *at)
{
	const char *colon = strchr(bind, ':');

	if (bind[0] == '/' && colon && colon[1] == '/')
		return 0;
	return fail_at(at,
		       "'%s' is no bind; write SOURCE:TARGET or SOURCE:TARGET:ro, with full paths",
		       bind);
}

/* a console that has nothing to start from is worth a word */
static void warn_missing(const struct resolve *resolve, const struct value *image,
			 const struct plan_console *plan)
{
	const struct value *carried = value_get(resolve->profile->root, "containers", NULL);
	CLEANUP(text_free) struct text where = TEXT_EMPTY;

	if (value_map_get(carried, plan->container) || plan->in_memory || plan->on_disk)
		return;
	origin_format(&where, &image->origin, true);
	warn("%s: the console's image '%s' is not in 'containers:', and there is no 'in-memory:' "
	     "or 'on-disk:'; the machine must have it on its disk",
	     text_string(&where), plan->container);
}

int plan_console(struct resolve *resolve, const struct value *console, struct bootplan *plan)
{
	const struct value *image = value_get(console, "container", NULL);
	const struct value *binds = value_get(console, "binds", NULL);
	struct plan_console *item = &plan->console;
	int r;

	if (!image)
		return 0;
	plan->has_console = true;
	r = plan_text(resolve, image, &item->container);
	if (r == 0)
		r = plan_text(resolve, value_get(console, "in-memory", NULL), &item->in_memory);
	if (r == 0)
		r = plan_text(resolve, value_get(console, "on-disk", NULL), &item->on_disk);
	if (r == 0)
		r = plan_texts(resolve, binds, &item->binds);
	if (r == 0)
		r = plan_texts(resolve, value_get(console, "command", NULL), &item->exec);
	if (r == 0)
		r = plan_texts(resolve, value_get(console, "ttys", NULL), &item->ttys);
	for (size_t i = 0; r == 0 && i < item->binds.count; i++)
		r = check_bind(item->binds.items[i], &binds->items[i]->origin);
	if (r == 0)
		warn_missing(resolve, image, item);
	return r;
}

int plan_shell(struct resolve *resolve, const struct value *shell, struct bootplan *plan)
{
	int r;

	if (!value_get(shell, "exec", NULL))
		return 0;
	plan->has_shell = true;
	r = plan_exec(resolve, value_get(shell, "exec", NULL), "host shell", &plan->shell.exec);
	return r < 0 ? r : plan_texts(resolve, value_get(shell, "ttys", NULL), &plan->shell.ttys);
}
