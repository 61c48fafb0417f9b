/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - what lies on the Docker disk
 */
#pragma once

#include "machine.h"

/**
 * settings_forget_tries() - the boots of this disk's daemon.json are not counted any more: Docker
 * answers with it, or the machine is ended in an orderly way before it could
 */
void settings_forget_tries(const struct machine *machine);
