/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aside.h - a file that would stop Docker is set aside, never deleted
 *
 * Quiet.
 */
#pragma once

#include "lib/text.h"

/** aside_move() - rename @path to "PATH.set-aside", or with "-2", "-3" and so on behind it, beside
 * those that are there. Return: 0 with the name that it has now, or a negative errno, and it is as
 * it was */
int aside_move(const char *path, struct text *ret_to);

/** is_there(), is_regular() - at @path itself: a symlink is there, and is no regular file */
bool is_there(const char *path);
bool is_regular(const char *path);

/** names_in() - the names in a directory, sorted, those that begin with '.' left out; of one that
 * is missing or unreadable there are none */
void names_in(const char *directory, struct strings *ret_names);
