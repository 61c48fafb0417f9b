/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_declared_image.c - the image of a declared container that is to be made
 *
 * In:    its name; the archive of it, where the initramfs carries one; the docker CLI
 * Out:   the image in Docker: it was there, is loaded, or is pulled
 * Not:   loading what no container needs anew (agent.c)
 */
#include "agent_declared_image.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define PULL_TRIES 4
#define PULL_PAUSE_S 5 /* doubled after each try */

/* whether a container was made of just this archive; image ids do not tell, they are of another
 * kind in containerd's image store */
static bool was_made_of(const struct docker_containers *ours, const char *id)
{
	for (size_t i = 0; i < ours->count; i++)
		if (text_equal(ours->items[i].image, id))
			return true;
	return false;
}

static int pull(const struct docker *docker, const char *client, const char *name,
		const char *image, struct text *reason)
{
	CLEANUP(text_free) struct text line = TEXT_EMPTY;
	struct timespec pause = { .tv_sec = PULL_PAUSE_S };
	int r = -ENOENT;

	if (!client) {
		text_format(reason,
			    "there is no image '%s', and no 'docker' here to pull it with; add it "
			    "to 'programs:', or the image to 'containers:'",
			    image);
		return r;
	}
	text_format(&line, "%s: there is no image '%s': pulling it", name, image);
	agent_line(stderr, &line);
	for (unsigned i = 0; r < 0 && i < PULL_TRIES; i++, pause.tv_sec *= 2) {
		/* a bounded wait for a network or a registry that is not there yet */
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		text_clear(reason);
		text_format(reason, "there is no image '%s', and it cannot be pulled: ", image);
		r = docker_pull(docker, client, image, true, reason);
	}
	if (r == 0)
		text_clear(reason);
	return r;
}

int declared_image(const struct docker *docker, const struct docker_containers *ours,
		   const struct declaration *declaration, const char *client, bool may_pull,
		   char **ret_old, struct text *reason)
{
	const struct plan_container *carried = declaration->carried;
	const char *image = declaration->plan->image;
	CLEANUP(memory_free) char *id = NULL;
	int r = docker_image_id(docker, image, &id, reason);

	if (r < 0 && r != -ENOENT)
		return r;
	if (carried && access(carried->archive, R_OK) == 0 &&
	    (r == -ENOENT || !was_made_of(ours, carried->id))) {
		r = docker_load(docker, image, carried->archive, reason);
		if (r < 0)
			return r;
		(void)unlink(carried->archive);
		*ret_old = text_pointer_take(&id);
		return 0;
	}
	if (r == 0)
		return 0;
	return may_pull ? pull(docker, client, declaration->plan->name, image, reason) : -EAGAIN;
}
