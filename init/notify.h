/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - tell the manager of a container how far process 1 is
 */
#pragma once

#include "lib/cleanup.h"

/** notify_open() - take the manager's socket from the environment; without one, nothing is told */
void notify_open(void);

/** notify_send() - one message, of lines such as "READY=1": sd_notify(3). Nobody listens: quiet */
void notify_send(const char *format, ...) PRINTF_LIKE(1, 2);
