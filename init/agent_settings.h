/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_settings.h - what lies on the Docker disk takes effect, or is set aside
 */
#pragma once

/**
 * agent_settings() - the agent's command "settings DIRECTORY -- MAIN WORD..."
 * @words: DIRECTORY (where the disk is mounted), "--", what init will start; ends in NULL
 *
 * Lines on stdout, for init: "warn TEXT", "hostname NAME", "detail KEY=VALUE". Return: exit status
 */
int agent_settings(char **words);

/** hosts_add() - a line in /etc/hosts, so that @name leads to this machine without a network */
int hosts_add(const char *name);
