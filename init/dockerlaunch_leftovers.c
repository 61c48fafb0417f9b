/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerlaunch_leftovers.c - what an unclean stop has left in dockerd's way is set aside
 *
 * In:    dockerd's folders and settings
 * Out:   other names for what it would stumble over
 * Not:   which that is (docker_state.c), the renaming (aside.c)
 */
#include <string.h>

#include "aside.h"
#include "docker_state.h"
#include "dockerlaunch_place.h"

struct found {
	struct launch *launch;
	int result;
};

static void leave_aside(const char *path, const char *why, void *context)
{
	CLEANUP(text_free) struct text to = TEXT_EMPTY;
	struct found *found = context;
	int r = launch_changes(found->launch) ? aside_move(path, &to) : 0;

	if (!launch_changes(found->launch))
		text_format(&to, "%s.set-aside", path);
	if (r < 0)
		r = launch_say(found->launch, LAUNCH_LACKS, path,
			       "%s; it cannot be renamed: %s; remove it", why, strerror(-r));
	else
		r = launch_say(found->launch, LAUNCH_ALTERS, path, "%s; renamed '%s'", why,
			       text_string(&to));
	if (r < 0)
		found->result = r;
}

int launch_leftovers(struct launch *launch)
{
	struct found found = { .launch = launch };

	docker_leftovers(launch->data_root, launch->daemon, launch->words.items, leave_aside,
			 &found);
	return found.result;
}
