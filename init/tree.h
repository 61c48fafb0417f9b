/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree.h - what a root has that was made elsewhere: its init, Docker
 */
#pragma once

#include "machine.h"

/**
 * tree_find_init() - the program that becomes process 1
 * @directory: where the tree is mounted
 * @wanted:    init= of the command line, a path in the tree; NULL: the usual places
 * @ret_path:  in the tree; the caller frees it
 *
 * Return: 0, or -ENOENT with the record's details set
 */
int tree_find_init(struct step_record *record, const char *directory, const char *wanted,
		   char **ret_path);

/** tree_has() - is there an executable file @path in the tree at @directory? */
bool tree_has(const char *directory, const char *path);

/** tree_has_docker() - does the root that this process sees bring its own dockerd? */
bool tree_has_docker(void);

/** tree_mounts() - do fstab(5) or a unit of systemd of this root say what is to be mounted at
 * @path?
 */
bool tree_mounts(const char *path);

#define EXIT_DIRECTORY "/run/initramfs"
/* in it: the device that takes the root's changes */
#define EXIT_COW "cow"

/**
 * tree_exit_prepare() - for systemd in the tree at @directory, which hands the machine back at its
 * end: a program that unmounts what lies below the root. Failures are logged.
 * Source: https://systemd.io/INITRD_INTERFACE/
 */
void tree_exit_prepare(const struct machine *machine, const char *directory);

/** tree_become() - replace this process by the tree's init. Returns only on failure, a negative
 * errno */
int tree_become(struct machine *machine);
