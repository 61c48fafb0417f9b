/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_declared_image.h - the image of a declared container that is to be made
 */
#pragma once

#include "agent_containers.h"
#include "agent_declaration.h"

/**
 * declared_image() - have it in Docker
 *
 * A carried one that was left alone when images were loaded, because there was another of its name,
 * takes that one's place, unless a container was made of it: then somebody gave the name away
 * since.
 *
 * @ours:    the containers of ours
 * @client:  the docker CLI, to pull with; NULL: there is none
 * @ret_old: the id of an image that lost its name by this, to be freed; untouched when none did
 *
 * Return: 0, -EAGAIN when it is to be pulled and may not be yet, or a negative errno with a reason
 */
int declared_image(const struct docker *docker, const struct docker_containers *ours,
		   const struct declaration *declaration, const char *client, bool may_pull,
		   char **ret_old, struct text *reason);
