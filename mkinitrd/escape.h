/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escape.h - names of files on one line of text
 */
#pragma once

#include "../init/lib/text.h"

/**
 * escape_name() - add @name as `ls -b` shows it: \n, \t, \\ and the like, \ooo for other control
 * characters; UTF-8 and blanks stay. One name is one line, and cannot speak to a terminal.
 */
void escape_name(struct text *text, const char *name);
