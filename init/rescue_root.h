/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue_root.h - programs for rescue while they lie in the SquashFS that the image carries
 */
#pragma once

#include "machine.h"

/**
 * rescue_root_enter() - let /usr show the programs of the SquashFS, beside its own
 *
 * For an image that carries its root and has not entered it. What that takes of modules is loaded.
 * Quiet: whether the shell is there shows it.
 */
void rescue_root_enter(struct machine *machine);

/** rescue_root_leave() - undo it; what still runs from there keeps it */
void rescue_root_leave(void);
