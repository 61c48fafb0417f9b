/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_state.h - state of Docker's that an unclean stop leaves, and that it would not start with
 */
#pragma once

#include <jansson.h>

/**
 * state_clear() - set it aside, before anything of Docker's runs
 * @data:   Docker's root, where neither @daemon nor @words names another
 * @daemon: dockerd's settings, or NULL
 * @words:  its arguments, ending in NULL
 */
void state_clear(const char *data, json_t *daemon, char *const *words);
