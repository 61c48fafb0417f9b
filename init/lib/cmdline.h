/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmdline.h - the kernel command line, and argv in one string
 *
 * Splits as the kernel's parse_args does: blanks separate, double quotes around a value or around
 * the whole word keep them. '#' is not special. Untrusted input. Quiet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct cmdline_word {
	char *key;
	char *value; /* NULL when there was no '=' */
};

struct cmdline {
	struct cmdline_word *words;
	size_t count;
};

#define CMDLINE_EMPTY ((struct cmdline){ 0 })

/** cmdline_parse() - @string as in /proc/cmdline, with or without newline. Return: 0 or -ENOMEM */
int cmdline_parse(struct cmdline *cmdline, const char *string);

/** cmdline_add() - one more word, as the argument of a program: its quotes are its own. Return: 0
 * or -ENOMEM */
int cmdline_add(struct cmdline *cmdline, const char *word);
void cmdline_free(struct cmdline *cmdline);

/** cmdline_last() - the value of the last @key ("" when it had none), or NULL when absent.
 * '-' and '_' are the same in keys, as for the kernel. */
const char *cmdline_last(const struct cmdline *cmdline, const char *key);

/** cmdline_flag() - key, key=1, key=yes: true; key=0, key=no: false; absent: @otherwise */
bool cmdline_flag(const struct cmdline *cmdline, const char *key, bool otherwise);

/** argv_parse() - "dockerd \"--label=a b\"" into words: blanks, double quotes, C escapes inside
 * them, as in the boot plan. -EINVAL for an open quote or a bad escape. */
int argv_parse(const char *string, struct strings *ret_words);
