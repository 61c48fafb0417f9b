/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_order.h - in which order services start
 */
#pragma once

#include "lib/bootplan.h"

/**
 * service_order() - those that are needed first; otherwise as in the plan
 * @order:  room for service_count indexes into plan->services
 * @reason: a sentence, on -EINVAL: a need that is not there, or a circle
 *
 * main may need services too, and they all start before it. Quiet.
 */
int service_order(const struct bootplan *plan, size_t *order, struct text *reason);
