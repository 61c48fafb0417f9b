/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.h - terminals: which one, open, and in a state that people can use
 */
#pragma once

#include <stdbool.h>

#include "lib/text.h"

/** terminal_path() - "/dev/ttyS1" for "ttyS1"; "console" is the last of the kernel's consoles, the
 * one behind /dev/console. Return: 0 or a negative errno */
int terminal_path(const char *name, char **ret_path);

/** terminal_open() - a terminal that answers, blocking and not yet controlling. A serial port
 * without hardware can be opened, but is -EIO here. Return: a descriptor or a negative errno */
int terminal_open(const char *path);

/** terminal_make_sane() - lines, echo, signals from the keyboard; speed and size stay */
void terminal_make_sane(int fd);

/** terminal_type() - "TERM=linux" for a virtual terminal, "TERM=vt220" for all others */
const char *terminal_type(const char *path);
