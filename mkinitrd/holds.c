/* SPDX-License-Identifier: Apache-2.0 */
/*
 * holds.c - what a file of a profile must hold
 *
 * In:    the bytes of a file, a word of "holds:"
 * Out:   how much of it is there
 * Not:   which files are asked (resolve_file.c), reading them (certificates.c)
 */
#include <errno.h>

#include "certificates.h"
#include "holds.h"

static int check_certificates(const void *bytes, size_t length, struct text *found)
{
	size_t count;
	int r = certificates_count(bytes, length, &count, NULL);

	if (r < 0)
		return r;
	text_format(found, "%zu certificate%s", count, count == 1 ? "" : "s");
	return count ? 0 : -ENODATA;
}

static const struct {
	const char *kind;
	int (*check)(const void *bytes, size_t length, struct text *found);
} kinds[] = {
	{ "certificates", check_certificates },
};

int holds_check(const char *kind, const void *bytes, size_t length, struct text *found)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		if (text_equal(kinds[i].kind, kind))
			return kinds[i].check(bytes, length, found);
	return -ENODATA; /* the schema knows no other */
}
