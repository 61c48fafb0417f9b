/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choose.h - which of several programs goes by a name on this machine
 */
#pragma once

#include "machine.h"

/**
 * choices_make() - for each name among the plan's choices take the first whose condition holds,
 * and make its links; part of a step
 *
 * What was chosen goes into @record as "NAME=PICK". That none fits is a failure: who wants to go on
 * without gives the plan one that always holds.
 *
 * Return: 0, or a negative errno with the reason in @record
 */
int choices_make(const struct machine *machine, struct step_record *record);
