/* SPDX-License-Identifier: Apache-2.0 */
/*
 * packages.h - which package of a root a file is of, by what dpkg or pacman has recorded
 */
#pragma once

#include <jansson.h>

#include "sysroot.h"

/**
 * packages_find() - fill in who owns what; quiet
 * @paths: an object with a key for each file, as seen in the root; a value becomes "NAME VERSION"
 *         where a package is found, and else stays
 *
 * Return: 0, also without any records, or a negative errno
 */
int packages_find(const struct sysroot *root, json_t *paths);
