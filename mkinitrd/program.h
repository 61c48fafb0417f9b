/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.h - run a program of this host
 */
#pragma once

/**
 * program_run() - run it and wait; its words go to our stderr; speaks
 * @argv:	argv[0] is looked for in PATH, then in /usr/sbin and /sbin
 * @package:	what to install when it is missing
 * @environment: "NAME=VALUE" besides our own, NULL at the end; or NULL
 * @output_fd:	where its standard output goes; -1: to our stderr
 *
 * Return: 0, -ENOENT: it is missing; or another negative errno
 */
int program_run(char *const *argv, const char *package, const char *const *environment,
		int output_fd);
