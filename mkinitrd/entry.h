/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.h - single entries, for the files that implement the manifest
 *
 * Everybody else: manifest.h.
 */
#pragma once

#include "manifest.h"

#define PATH_MOST 4096 /* with NUL; the kernel refuses longer names in an archive */

/** path_is_canonical() - "a/b": not empty, no leading, double or trailing '/', no "." or ".." */
bool path_is_canonical(const char *path);

/** entry_fail_changed() - say that a source did not hold still. Return: -ESTALE */
int entry_fail_changed(const struct entry *entry);

/**
 * entry_same_content() - whether two files hold equal bytes, by reading both; speaks
 *
 * Return: 1, 0, or a negative errno
 */
int entry_same_content(const struct entry *entry, const struct addition *addition);
