/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wanted.h - the paths of an image to which a command is narrowed
 */
#pragma once

#include "../init/lib/text.h"

struct wanted {
	struct strings paths; /* as entries have them */
	bool *is_found;
};

#define WANTED_EMPTY ((struct wanted){ 0 })

/** wanted_set() - from arguments: paths, with all that lies below, or patterns as glob(7) has them.
 * Return: 0 or -ENOMEM */
int wanted_set(struct wanted *wanted, char *const *arguments, size_t count);
void wanted_free(struct wanted *wanted);

/** wanted_has() - is @path asked for? All is when nothing is named; what asked for it is marked */
bool wanted_has(struct wanted *wanted, const char *path);

/** wanted_missed() - speaks of each that was never found in @image. Return: 0 or -EINVAL */
int wanted_missed(const struct wanted *wanted, const char *image);

/** path_tidy() - add "/usr//./lib/" as an entry has it: "usr/lib" */
void path_tidy(struct text *text, const char *path);
