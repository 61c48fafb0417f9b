/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parameters.h - what the kernel command line asks of init
 */
#pragma once

#include "machine.h"

/** parameters_read() - read /proc/cmdline; settings of init itself (rd.shell, rd.debug, rd.break,
 * panic=). They hold even when there is no plan. Return: 0 or a negative errno */
int parameters_read(struct machine *machine);

/** parameters_early() - rd.shell, rd.debug, rd.break and panic= of machine->cmdline */
int parameters_early(struct machine *machine);

/** parameters_apply() - mkinitrd.* and init= of machine->cmdline over the plan's values. On failure
 * the record's details say which one and why. Return: 0 or a negative errno */
int parameters_apply(struct machine *machine, struct step_record *record);

/** parameters_main() - mkinitrd.exec= and init=, once the root is there in which they are looked
 * up; parameters_apply() does it when the image is its own root. Return: as that */
int parameters_main(struct machine *machine, struct step_record *record);
