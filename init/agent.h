/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.h - the agent's subcommands: what they are given, and their exit status
 */
#pragma once

#include <stdio.h>

#include "agent_docker.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_PRESENT = 3 };

struct agent_arguments {
	const char *socket, *wait, *name, *docker;
	const char *image, *in_memory, *on_disk; /* of a console */
	const char *report;                      /* a file for what a console came to */
	const char *plan;                        /* the boot plan's file */
	struct strings binds;                    /* SOURCE:TARGET[:OPTIONS] */
	struct strings keeps;                    /* images whose archives are looked at again */
	char **rest;                             /* after "--" */
	uint64_t wait_ms;
};

/** agent_console() - choose the image, pull it where it must be, become the docker CLI */
int agent_console(const struct agent_arguments *arguments, const struct docker *docker);

/** agent_declared() - bring the containers that the boot plan declares about; agent_declared.c */
int agent_declared(const struct agent_arguments *arguments, const struct docker *docker);

/** agent_line() - print one line, whatever Docker put into its message */
void agent_line(FILE *file, struct text *line);
