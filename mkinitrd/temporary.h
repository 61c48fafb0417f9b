/* SPDX-License-Identifier: Apache-2.0 */
/*
 * temporary.h - names of what is not finished: ".NAME.XXXXXX", beside NAME
 */
#pragma once

#include "../init/lib/text.h"

/** temporary_name() - one for what becomes @name, in the place of what @text has; a long one is
 * cut. Return: 0 or a negative errno */
int temporary_name(const char *name, struct text *text);

typedef void temporary_function(void *context, const char *temporary);

/** temporary_each() - call @function with each name in a directory that temporary_name() may have
 * made for @name; quiet, also when the directory cannot be read */
void temporary_each(int directory_fd, const char *name, temporary_function *function,
		    void *context);
