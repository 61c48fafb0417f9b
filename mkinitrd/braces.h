/* SPDX-License-Identifier: Apache-2.0 */
/*
 * braces.h - "{a,b}" in paths
 */
#pragma once

#include "../init/lib/text.h"

/**
 * braces_expand() - "/usr/{lib,share{,2}}/x" into each path it stands for, in order, appended;
 * quiet
 *
 * As in a shell: braces without a comma, or without their partner, are ordinary characters.
 */
int braces_expand(const char *pattern, struct strings *ret_paths);
