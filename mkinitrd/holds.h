/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holds.h - what a file of a profile must hold
 */
#pragma once

#include <stddef.h>

#include "../init/lib/text.h"

/**
 * holds_check() - whether @bytes are what @kind, a word of "holds:", says
 * @found: what was found is appended, for people: "142 certificates"
 *
 * Quiet. Return: 0, -ENODATA when nothing of it is there, or -ENOMEM
 */
int holds_check(const char *kind, const void *bytes, size_t length, struct text *found);
