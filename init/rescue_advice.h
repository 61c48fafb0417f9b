/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue_advice.h - what to try after a failed step
 */
#pragma once

#include "machine.h"

/** rescue_advice() - lines for people, what fits the step first */
void rescue_advice(const struct machine *machine, const char *step, bool has_shell,
		   struct text *text);
