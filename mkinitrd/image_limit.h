/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_limit.h - what to say of an image that is larger than its profile allows
 */
#pragma once

#include "image.h"

/**
 * image_fail_limit() - one line that says so, and below it a table of the ten entries that take the
 * most room, with who wanted each; speaks
 *
 * Return: -EFBIG
 */
int image_fail_limit(const struct manifest *manifest, const char *label,
		     const struct image_options *options);
