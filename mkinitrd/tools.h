/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools.h - mkinitrd's own files on this host: init, the agent, the shipped profiles
 */
#pragma once

#include "resolve.h"

struct want;

/**
 * tools_folder() - the folder that holds init, agent and profiles/: ../lib/mkinitrd beside the
 * program's own folder when it is installed, else the program's folder (a build tree); quiet
 */
int tools_folder(char **ret_folder);

/**
 * tools_program() - a program of mkinitrd's own that profiles can name as those of the root; speaks
 * @want: the reason
 * @ret_path: when not NULL, its absolute path in the image; the caller frees it
 *
 * Return: 0, -ENOENT when it is none of them, or is not there (not spoken), or another -errno
 */
int tools_program(struct resolve *resolve, const char *name, const struct want *want,
		  char **ret_path);

/**
 * tools_add() - /init, the agent, the applets' names and the standard directories; speaks
 * @folder_fd: from tools_open(); stays open as long as the manifest
 */
int tools_add(struct resolve *resolve, int folder_fd);

/** tools_open() - open tools_folder(); speaks. Return: descriptor or -errno */
int tools_open(void);
