/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - what lies on the Docker disk
 */
#pragma once

#include "machine.h"

/** settings_proved() - Docker answers with the settings of this boot: forget that they were tried
 */
void settings_proved(const struct machine *machine);
