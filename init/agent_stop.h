/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_stop.h - how each running container wants to be stopped
 */
#pragma once

#include "agent_docker.h"

/**
 * docker_stops() - a line "ID SIGNAL MS" for each running container, and "end" when all are there
 * @within_ms: for all requests together
 * @lines:     what is known, also after a failure
 *
 * SIGNAL is a number; MS how long it may take, "-" for as long as it wants. Return: 0, or a
 * negative errno with the reason.
 */
int docker_stops(const struct docker *docker, uint64_t within_ms, struct text *lines,
		 struct text *reason);

/** stop_signal_parse() - "SIGUSR1", "usr1", "10", "RTMIN+3"; the default for NULL and "". Return:
 * its number, or SIGTERM for what is no signal, as Docker itself takes it */
int stop_signal_parse(const char *name);
