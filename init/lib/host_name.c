/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_name.c - what may be the name of a host
 *
 * In:    text, of a disk or a network
 * Out:   whether it is one
 */
#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "host_name.h"

bool host_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > HOST_NAME_MAX || *name == '-' || *name == '.')
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && *name != '-' && *name != '.')
			return false;
	return name[-1] != '-' && name[-1] != '.';
}
