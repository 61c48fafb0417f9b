/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress.h - one line on the terminal that says what is being done now
 *
 * Nothing appears in the first second, and nothing when stderr is no terminal (unless it is asked
 * for). The line is wiped before any other line of stderr. Any thread may call; a call costs next
 * to nothing when the line is not due. Quiet.
 */
#pragma once

#include <stdint.h>

#include "options.h"

/** progress_set() - from --progress; once, at start. Without it there is no progress */
void progress_set(enum progress progress, bool is_quiet);

/** progress_phase() - what begins now: "resolving modules"; kept as a pointer */
void progress_phase(const char *what);

/**
 * progress_step() - how far it is
 * @done, @total: bytes; @total 0: not known, and then neither is shown
 * @name: of the thing at hand, or NULL
 */
void progress_step(uint64_t done, uint64_t total, const char *name);

/** progress_clear() - wipe the line; the next call may draw it again */
void progress_clear(void);

/** progress_wipe() - the same from a signal handler that ends the process */
void progress_wipe(void);
