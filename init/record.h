/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - the record of the boot as text
 */
#pragma once

#include "machine.h"

/** record_format() - the JSON of /run/mkinitrd/boot.json. Return: 0 or -ENOMEM */
int record_format(const struct machine *machine, struct text *text);
