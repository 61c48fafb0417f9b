/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h - the image's boot plan
 */
#pragma once

#include "machine.h"

/** plan_read() - machine->plan anew from the image; the command line is not applied. Return: 0, or
 * a negative errno with the reason in @record */
int plan_read(struct machine *machine, struct step_record *record);
