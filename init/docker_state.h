/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker_state.h - state of Docker's that an unclean stop leaves, and that it would not start with
 */
#pragma once

#include <jansson.h>

#define DOCKER_DATA_ROOT "/var/lib/docker"

/** called with a file that is in Docker's way, and what is wrong with it */
typedef void leftover_function(const char *path, const char *why, void *context);

/**
 * docker_leftovers() - find it, before anything of Docker's runs; changes nothing
 * @data:   Docker's root, where neither @daemon nor @words names another
 * @daemon: dockerd's settings, or NULL
 * @words:  its arguments, ending in NULL
 *
 * A valid file, or one that is merely odd, is none; neither is what belongs to a process that
 * lives.
 */
void docker_leftovers(const char *data, json_t *daemon, char *const *words,
		      leftover_function *found, void *context);
