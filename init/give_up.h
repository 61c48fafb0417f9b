/* SPDX-License-Identifier: Apache-2.0 */
/*
 * give_up.h - what follows when a service, or main, died too often
 */
#pragma once

#include "runtime.h"

/** give_up() - a rescue shell beside everything that still runs; when it is left @service starts
 * again. Without a shell panic= decides: restart the machine in order, or go on trying */
void give_up(struct runtime *runtime, struct service *service, const char *why);
