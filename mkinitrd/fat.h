/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fat.h - a FAT32 file system in a file or a device, without a mount
 *
 * For the boot partition of a disk: some directories, few files, each written once. Every change is
 * made of writes of single sectors in an order such that a cut between any two of them leaves all
 * other files as they were; clusters that belong to nobody may be left, and are free for the next
 * one who comes. What is read is untrusted. Quiet.
 * Source: Microsoft, FAT32 File System Specification, version 1.03
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "../init/lib/text.h"

#define FAT_SECTOR 512
#define FAT_FILE_MOST UINT32_MAX

struct fat;

struct fat_form {
	uint64_t bytes;     /* of the volume, whole sectors */
	uint32_t volume_id; /* its UUID for others */
	const char *label;  /* up to 11 capital letters */
	int64_t mtime;      /* of all that is written */
	uint32_t hidden;    /* sectors before it on its disk */
};

/** fat_least_bytes() - the smallest volume that holds @content bytes in @files files */
uint64_t fat_least_bytes(uint64_t content, unsigned files);

/**
 * fat_make() - an empty file system at @base of @fd, which stays open and the caller's
 *
 * Its first sector, without which it is none, is written by fat_seal() alone.
 * Return: 0, -EINVAL (too small or too large) or a negative errno
 */
int fat_make(int fd, uint64_t base, const struct fat_form *form, struct fat **ret_fat);
int fat_seal(struct fat *fat);

/**
 * fat_open() - an existing one; its directories are walked once
 * @bytes: what the partition has
 *
 * Return: 0, -ENODATA: no FAT32; -EUCLEAN: damaged; or a negative errno
 */
int fat_open(int fd, uint64_t base, uint64_t bytes, int64_t mtime, struct fat **ret_fat);
void fat_close(struct fat *fat);
static inline void fat_cleanup(struct fat **fat)
{
	fat_close(*fat);
	*fat = NULL;
}

/** fat_free_bytes() - in whole clusters */
uint64_t fat_free_bytes(const struct fat *fat);

/** fat_cluster_bytes() - what every file's size is rounded up to */
uint32_t fat_cluster_bytes(const struct fat *fat);

/** fat_stat() - @path as "loader/entries/a.conf", letters of any case. Return: 0, -ENOENT, -ENOTDIR
 * or -EUCLEAN */
int fat_stat(struct fat *fat, const char *path, bool *ret_is_directory, uint64_t *ret_size);

/** fat_read() - a whole small file, appended to @text; -EFBIG over @limit bytes */
int fat_read(struct fat *fat, const char *path, size_t limit, struct text *text);

/** fat_make_directory() - one that is there already is fine */
int fat_make_directory(struct fat *fat, const char *path);

/**
 * fat_write() - a new file: its content, then the table, then its name
 * @content_fd: what to copy, from offset 0; -1: @bytes instead
 *
 * Return: 0, -EEXIST, -ENOSPC (nothing was written), -EFBIG, -ESTALE (@content_fd ended early)
 */
int fat_write(struct fat *fat, const char *path, int content_fd, const void *bytes, uint64_t size);

/** fat_remove() - a file: its name, then what it took. Return: 0, -ENOENT or -EISDIR */
int fat_remove(struct fat *fat, const char *path);

/** fat_patch() - write bytes of a file in place, within one sector, and nothing else */
int fat_patch(struct fat *fat, const char *path, uint64_t offset, const void *bytes, size_t count);

/** fat_finish() - count of free clusters, last of all; then everything on disk */
int fat_finish(struct fat *fat);
