/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dockerd_words.h - dockerd's command line, option by option, as dockerd itself reads it
 *
 * Quiet; nothing is allocated.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define DOCKERD_NAME_BYTES 64

struct dockerd_words {
	char *const *words; /* ends in NULL; begins with the program or behind it */
	size_t index;       /* of the next word */
	size_t letter;      /* within it, of short options that share one dash */
};

struct dockerd_option {
	char name[DOCKERD_NAME_BYTES]; /* the long one, without dashes: "bridge" for -b */
	const char *value;             /* NULL: it has none, or none follows */
	bool takes_value;
	size_t first, count; /* the words that it stands in */
};

/**
 * dockerd_words_next() - the next option; what is none is passed over, "--" ends them
 *
 * "--name=value", "--name value", "-n value", "-n=value", "-nvalue" and "-Dn value" all count. A
 * word that is the value of the option before it is no option, whatever it looks like. An option
 * that is not known takes a value, as most do.
 *
 * Return: false at the end
 */
bool dockerd_words_next(struct dockerd_words *words, struct dockerd_option *ret_option);

/** dockerd_words_find() - the last option of this name, which is the one that counts, of those that
 * stand once. Return: whether there is one */
bool dockerd_words_find(char *const *words, const char *name, struct dockerd_option *ret_option);
