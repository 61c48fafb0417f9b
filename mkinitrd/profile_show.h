/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_show.h - a profile's tree for people, and for programs
 */
#pragma once

#include "profile.h"

/**
 * profile_show_text() - YAML that is a profile again, each value with its place in a comment
 *
 * Return: 0 or -ENOMEM
 */
int profile_show_text(const struct profile *profile, struct text *text);

/**
 * profile_show_json() - {"name", "profile": the tree, "origins": {"boot.disk.at": "x.yaml:3"}}
 *
 * Return: 0 or -ENOMEM
 */
int profile_show_json(const struct profile *profile, struct text *text);

/** yaml_add_text() - @string as a YAML scalar, in quotes where it needs them */
void yaml_add_text(struct text *text, const char *string);
