/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_private.h - one SquashFS being written: shared by squashfs_write.c and
 * squashfs_inodes.c; all others see squashfs.h
 */
#pragma once

#include <sqfs/compressor.h>
#include <sqfs/frag_table.h>
#include <sqfs/inode.h>
#include <sqfs/super.h>

#include "squashfs.h"
#include "squashfs_file.h"

/* what an entry is in it */
struct squashfs_node {
	struct entry *entry; /* NULL: the root directory */
	struct squashfs_node *parent, *next;
	struct squashfs_node *first_child, *last_child; /* in the order of their names */
	struct squashfs_node *file;  /* of hard links the first; else the node itself */
	uint32_t number, nlink;      /* of the inode; of hard links the first one's count */
	sqfs_inode_generic_t *inode; /* files: what data they have; owned */
	uint64_t reference;          /* where the inode lies; valid when @is_placed */
	bool is_placed;
};

struct squashfs {
	const struct squashfs_job *job;
	struct squashfs_file file;
	struct squashfs_node *nodes; /* the root, then those of the entries in their order */
	sqfs_super_t super;
	sqfs_compressor_t *compressor, *unpacker;
	sqfs_frag_table_t *fragments;
};

/** squashfs_inodes_write() - inodes, directories and all tables, when the data is written; quiet.
 * Return: 0 or a negative errno */
int squashfs_inodes_write(struct squashfs *squashfs);
