/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_containers.h - containers of ours, as Docker has them
 *
 * Ours are those with the label LABEL_NAME, whoever gave it. Functions put one line into @reason
 * when they fail.
 */
#pragma once

#include <jansson.h>

#include "agent_docker.h"

#define LABEL_NAME "mkinitrd.declared"    /* the name that it is declared under */
#define LABEL_HASH "mkinitrd.declaration" /* of all that is declared of it */
#define LABEL_IMAGE "mkinitrd.image"      /* id of the carried image that it was made of */

struct docker_container {
	char *id, *name;
	char *declared, *hash, *image; /* the labels; never NULL */
	bool is_running;
};

struct docker_containers {
	struct docker_container *items;
	size_t count;
};

#define DOCKER_CONTAINERS_EMPTY ((struct docker_containers){ 0 })

void docker_containers_free(struct docker_containers *containers);

/** docker_containers_parse() - Docker's answer to the question for them. Untrusted input.
 * Return: 0, -EPROTO, or -ENOMEM */
int docker_containers_parse(const char *bytes, size_t length,
			    struct docker_containers *ret_containers);

/** docker_containers_ours() - all containers of ours, running or not */
int docker_containers_ours(const struct docker *docker, struct docker_containers *ret_containers,
			   struct text *reason);

/** docker_create() - make a container, which does not run yet. *ret_id is the caller's to free */
int docker_create(const struct docker *docker, const char *name, json_t *body, char **ret_id,
		  struct text *reason);

/** docker_start() - one that runs already is fine */
int docker_start(const struct docker *docker, const char *id, struct text *reason);

/** docker_stop() - by its own signal, within its own time; one that does not run is fine */
int docker_stop(const struct docker *docker, const char *id, struct text *reason);

int docker_rename(const struct docker *docker, const char *id, const char *name,
		  struct text *reason);

/** docker_image_drop() - remove an image by its id, unless anything still uses it; quiet */
void docker_image_drop(const struct docker *docker, const char *id);
