/* SPDX-License-Identifier: Apache-2.0 */
/*
 * helper.h - the process beside main in exec mode
 *
 * PID 1 and the helper have a pair of sockets, one message each: the helper says READY or FAILED;
 * PID 1 answers READY with STOP when it could not become main, or closes its end by becoming it.
 */
#pragma once

#include "machine.h"

enum hand_over_kind { HAND_OVER_READY, HAND_OVER_FAILED, HAND_OVER_STOP };

struct hand_over_message {
	enum hand_over_kind kind;
	struct step_record record; /* FAILED: of "services"; the name's pointer means nothing */
};

/** helper_main() - in the child that PID 1 has forked; @parent_fd is its end of the pair, @main_fd
 * where what main prints comes out */
_Noreturn void helper_main(struct machine *machine, int parent_fd, int main_fd);
