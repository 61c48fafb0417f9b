/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker_profile.h - a profile for a container image that is to be a machine
 */
#pragma once

#include "image_config.h"

struct docker_profile {
	const char *from;              /* the archive or folder, as "trees: from:" takes it */
	const char *image;             /* NAME:TAG in it, or NULL */
	const char *name;              /* of the machine */
	const struct strings *command; /* in the place of the image's own; empty: that stays */
	const struct image_config *config;
	bool is_machine; /* with all that boots it; else a tree that somebody else starts */
};

/** docker_profile_format() - the text of it, YAML. Return: 0 or -ENOMEM */
int docker_profile_format(const struct docker_profile *profile, struct text *text);
