/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number.c - numbers, sizes and durations as people write them (see number.h)
 */
#include <errno.h>
#include <string.h>

#include "number.h"

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit size_units[] = {
	{ "", 1 },
	{ "K", UINT64_C(1) << 10 },
	{ "M", UINT64_C(1) << 20 },
	{ "G", UINT64_C(1) << 30 },
	{ "T", UINT64_C(1) << 40 },
	{ NULL, 0 },
};

static const struct unit duration_units[] = {
	{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { NULL, 0 },
};

/* digits, then one of the suffixes of @units */
static int number_with_unit(const char *string, const struct unit *units, uint64_t *ret_number)
{
	uint64_t number = 0;
	const char *end = string;

	for (; *end >= '0' && *end <= '9'; end++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*end - '0'), &number))
			return -ERANGE;
	if (end == string)
		return -EINVAL;
	for (; units->suffix; units++) {
		if (!text_equal(end, units->suffix))
			continue;
		if (__builtin_mul_overflow(number, units->factor, &number))
			return -ERANGE;
		*ret_number = number;
		return 0;
	}
	return -EINVAL;
}

int number_parse(const char *string, uint64_t *ret_number)
{
	static const struct unit no_unit[] = { { "", 1 }, { NULL, 0 } };

	return number_with_unit(string, no_unit, ret_number);
}

int size_parse(const char *string, uint64_t *ret_bytes)
{
	return number_with_unit(string, size_units, ret_bytes);
}

int duration_parse(const char *string, uint64_t *ret_ms)
{
	return number_with_unit(string, duration_units, ret_ms);
}

void size_format(struct text *text, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		text_format(text, "%u B", (unsigned)bytes);
		return;
	}
	for (; value >= 999.95 && unit + 1 < COUNT_OF(units); unit++)
		value /= 1000;
	text_format(text, "%.1f %s", value, units[unit]);
}
