/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_header.h - what a SquashFS says of itself before it is mounted
 */
#pragma once

#include <stdint.h>

#include "text.h"

#define SQUASHFS_HEADER_BYTES 96

struct squashfs_header {
	uint16_t major, minor;
	uint16_t compressor;
	uint64_t size;        /* bytes; what comes behind is padding */
	uint64_t inode_table; /* where the metadata begins */
};

/**
 * squashfs_header_parse() - untrusted input; quiet
 *
 * Return: 0, also for one that no kernel mounts; -ENOMSG: @bytes are not the beginning of one
 * Source: kernel Documentation/filesystems/squashfs.rst, fs/squashfs/squashfs_fs.h
 */
int squashfs_header_parse(const void *bytes, size_t count, struct squashfs_header *header);

/**
 * squashfs_header_problem() - why it cannot be mounted
 * @held: bytes that the file or device has
 * @why:  the reason, and what to do, is added
 *
 * Return: false when nothing speaks against it
 */
bool squashfs_header_problem(const struct squashfs_header *header, uint64_t held, struct text *why);

/** squashfs_compressor() - "zstd"; "number 9" for one that is not known, in @buffer */
const char *squashfs_compressor(uint16_t number, char buffer[static 16]);
