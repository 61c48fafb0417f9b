/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_aside.h - what the agent sets aside, and says to init
 */
#pragma once

#include "aside.h"

/** report() - one line for init on stdout: @kind is "warn", "hostname" or "detail" */
void report(const char *kind, const char *format, ...) PRINTF_LIKE(2, 3);

/**
 * set_aside() - aside_move() of @path, with a warning that says @why
 *
 * Return: 0 or a negative errno, said as well; @path is as it was then
 */
int set_aside(const char *path, const char *why);
