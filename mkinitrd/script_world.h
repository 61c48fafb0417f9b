/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script_world.h - a process that is root in a user namespace
 */
#pragma once

#include <sys/types.h>

/**
 * world_start() - fork a child that is root of a user namespace of its own; speaks
 *
 * For root all ids are themselves in it. For others they are those of /etc/subuid and /etc/subgid,
 * by newuidmap(1); without these there is root alone.
 *
 * Return: as fork(2): 0 in the child, its id in the parent; or -errno, in the parent
 */
pid_t world_start(void);
