/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue_password.h - a password before the rescue shell
 */
#pragma once

#include <stdbool.h>

/** password_is_right() - does @typed give @hash, as crypt(3) makes it? A hash that this init does
 * not know is never right */
bool password_is_right(const char *hash, const char *typed);

/**
 * password_ask() - ask on the terminal @fd until the right one was typed
 * @name: of the terminal, for the log, which learns of wrong tries and never what they were
 *
 * After three wrong ones in a row there is a pause. Returns only with the right one.
 */
void password_ask(int fd, const char *name, const char *hash);
