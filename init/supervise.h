/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervise.h - hand-over in supervise mode
 */
#pragma once

#include "machine.h"

/**
 * run_supervise() - stay process 1: start network and services, then main; watch them all, and end
 * the machine when asked. Returns only when the start failed, with the failed step's record in
 * *ret_record and all that was started ended again.
 */
int run_supervise(struct machine *machine, struct step_record **ret_record);
