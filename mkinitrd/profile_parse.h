/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_parse.h - YAML text into a tree of values, each with its place
 */
#pragma once

#include "value.h"

/* the file of an origin that stands on the command line; compare the pointer */
extern const char origin_set_label[];

#define PROFILE_SIZE_LIMIT ((size_t)1 << 20)
#define PROFILE_DEPTH_LIMIT 32

/**
 * profile_parse() - one YAML document into a tree; speaks
 * @label: origin.file of all values; lives as long as the process
 *
 * An empty document is a VALUE_NULL. Refused: anchors, aliases, tags, keys that are not text or
 * stand twice, a second document, more than PROFILE_SIZE_LIMIT bytes or PROFILE_DEPTH_LIMIT levels.
 */
int profile_parse(const char *string, size_t length, const char *label, struct value **ret_value);

/** profile_parse_set() - "key.path=value" of --set into the tree that says the same; speaks */
int profile_parse_set(const char *set, struct value **ret_value);
