/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number.h - numbers, sizes and durations as people write them
 *
 * Quiet; on failure the output is untouched. -EINVAL: not of the form; -ERANGE: does not fit.
 */
#pragma once

#include <stdint.h>

#include "text.h"

/** number_parse() - decimal digits only, no sign, no space */
int number_parse(const char *string, uint64_t *ret_number);

/** size_parse() - "4096", "64K", "120M", "2G", "1T" (powers of 1024) into bytes */
int size_parse(const char *string, uint64_t *ret_bytes);

/** duration_parse() - "10s", "250ms", "2m", or a bare number of seconds, into milliseconds */
int duration_parse(const char *string, uint64_t *ret_ms);

/** size_format() - for people: "512 B", "9.1 MB" (powers of 1000, as file managers show) */
void size_format(struct text *text, uint64_t bytes);
