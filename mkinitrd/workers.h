/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers.h - one function on several threads
 */
#pragma once

/**
 * workers_run() - call @work on @jobs threads, this one among them, and wait for all; quiet
 *
 * @work takes pieces from @context until there are none. What cannot be started is done by the
 * others: it cannot fail.
 */
void workers_run(unsigned jobs, void *(*work)(void *context), void *context);
