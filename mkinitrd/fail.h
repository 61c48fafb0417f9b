/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fail.h - the one place that prints to stderr
 *
 * A speaking function reports its failure with fail() and returns its result; callers above just
 * return that. One failure, one line.
 */
#pragma once

#include <stdbool.h>

#include "../init/lib/cleanup.h"

enum verbosity { QUIET = -1, NORMAL = 0, VERBOSE = 1, DEBUG = 2 };

/** verbosity_set() - from -q, -v, -vv; once, at start */
void verbosity_set(enum verbosity verbosity);
enum verbosity verbosity_get(void);

/**
 * fail() - print "mkinitrd: MESSAGE" and, when @error is not 0, ": " and what the errno means
 * @error: negative errno, or 0 when the message says it all (then -EINVAL is returned)
 *
 * Return: @error, so that "return fail(r, ...)" reads as one thought.
 */
int fail(int error, const char *format, ...) PRINTF_LIKE(2, 3);

/**
 * fail_hold() - from now on keep the line of fail() instead of printing it; a further one lets the
 * one before out
 *
 * fail_release() - print as usual again. Return: the line that was kept, without "mkinitrd: ",
 * which the caller frees; NULL: none
 */
void fail_hold(void);
char *fail_release(void);

/** warn() - print "mkinitrd: warning: MESSAGE"; we go on, and the message says how */
void warn(const char *format, ...) PRINTF_LIKE(1, 2);

/** note() - with -v: one line a milestone */
void note(const char *format, ...) PRINTF_LIKE(1, 2);

/** debug() - with -vv: each decision, with its reason */
void debug(const char *format, ...) PRINTF_LIKE(1, 2);

/** say() - a line of normal output on stderr that -q silences: results, summaries */
void say(const char *format, ...) PRINTF_LIKE(1, 2);

/** ask() - put a question to whoever sits at the terminal that stdin and stderr are
 *
 * Return: whether the answer was "yes", in full
 */
bool ask(const char *format, ...) PRINTF_LIKE(1, 2);
