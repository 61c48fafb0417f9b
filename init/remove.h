/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remove.h - everything below a directory
 */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

/**
 * remove_below() - delete what is in @directory_fd, never what is mounted there
 * @kept:  files and directories (by st_dev and st_ino) that stay, with all below them
 *
 * Return: 0, or the first negative errno; it goes on after each. Quiet.
 */
int remove_below(int directory_fd, const struct stat *kept, size_t kept_count);
