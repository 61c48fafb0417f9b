/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_sink.h - where the words of services and main go: kernel log, console, or a file
 */
#pragma once

#include "lib/bootplan.h"
#include "log.h"

/** output_sink_open() - as the plan's log says; what cannot be opened is said, and the kernel log
 * takes its place */
void output_sink_open(const struct bootplan *plan);

/**
 * output_sink_write() - one line
 *
 * What console or file do not take goes to the kernel log, and that is said once until they do
 * again. Return: 0, or a negative errno when the kernel log refused it too
 */
int output_sink_write(const char *name, enum log_level level, const char *line);

/** output_sink_is_file() - are lines bounded by the file's size alone? */
bool output_sink_is_file(void);

/** output_sink_close() - from now on the kernel log: before file systems are unmounted */
void output_sink_close(void);
