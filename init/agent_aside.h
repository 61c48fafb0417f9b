/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_aside.h - a file that would stop Docker is set aside, never deleted
 */
#pragma once

#include "lib/text.h"

/** report() - one line for init on stdout: @kind is "warn", "hostname" or "detail" */
void report(const char *kind, const char *format, ...) PRINTF_LIKE(2, 3);

/**
 * set_aside() - rename @path to "PATH.set-aside", or with "-2", "-3" and so on behind it, beside
 * those that are there; reports a warning with @why
 *
 * Return: 0 or a negative errno, said as well; @path is as it was then
 */
int set_aside(const char *path, const char *why);

/** is_there(), is_regular() - at @path itself: a symlink is there, and is no regular file */
bool is_there(const char *path);
bool is_regular(const char *path);

/** names_in() - the names in a directory, sorted, those that begin with '.' left out; of one that
 * is missing or unreadable there are none */
void names_in(const char *directory, struct strings *ret_names);
