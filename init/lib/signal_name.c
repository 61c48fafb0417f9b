/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signal_name.c - signals as people write them
 *
 * In:    a name or a number
 * Out:   the number
 * Facts: signal(7): 1 to 64, of which those from 34 are for programs, since glibc keeps 32 and 33
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "number.h"
#include "signal_name.h"

#define SIGNAL_RTMIN 34
#define SIGNAL_RTMAX 64

static int in_range(int64_t number)
{
	return number >= 1 && number <= SIGNAL_RTMAX ? (int)number : -EINVAL;
}

/* "RTMIN+3": what follows the base @number */
static int from_base(int number, const char *rest)
{
	uint64_t offset = 0;
	bool is_above = number == SIGNAL_RTMIN;

	if (!*rest)
		return number;
	if (*rest != (is_above ? '+' : '-') || number_parse(rest + 1, &offset) < 0 ||
	    offset > SIGNAL_RTMAX - SIGNAL_RTMIN)
		return -EINVAL;
	return is_above ? number + (int)offset : number - (int)offset;
}

int signal_parse(const char *name)
{
	const char *bare = strncasecmp(name, "SIG", 3) == 0 ? name + 3 : name;
	uint64_t number;

	if (number_parse(name, &number) == 0)
		return number <= SIGNAL_RTMAX ? in_range((int64_t)number) : -EINVAL;
	if (strncasecmp(bare, "RTMIN", 5) == 0)
		return from_base(SIGNAL_RTMIN, bare + 5);
	if (strncasecmp(bare, "RTMAX", 5) == 0)
		return from_base(SIGNAL_RTMAX, bare + 5);
	for (int i = 1; i < SIGNAL_RTMIN; i++) {
		const char *known = sigabbrev_np(i);

		if (known && strcasecmp(known, bare) == 0)
			return i;
	}
	return -EINVAL;
}
