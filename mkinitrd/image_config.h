/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_config.h - what a container image says about running it
 */
#pragma once

#include <stdbool.h>

#include "../init/lib/text.h"

struct image_config {
	bool is_image; /* there is a configuration: a tree or a tar of files has none */
	struct strings entrypoint, command;
	struct strings env;     /* NAME=value */
	struct strings ports;   /* "80/tcp" */
	struct strings volumes; /* absolute paths */
	/* NULL: not said */
	char *user, *directory, *stop_signal, *architecture, *system;
};

#define IMAGE_CONFIG_EMPTY ((struct image_config){ 0 })

void image_config_free(struct image_config *config);

struct json_t;

/**
 * image_config_read() - from the JSON of a configuration; untrusted input; speaks
 * @label: what messages call the image, with quotes
 *
 * All forms are checked: names of variables, ports, signal, user, paths. On failure @config is
 * empty.
 */
int image_config_read(const struct json_t *json, const char *label, struct image_config *config);
