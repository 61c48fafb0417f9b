/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_file.h - what libsquashfs writes to: a part of a file
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sqfs/io.h>

struct squashfs_file {
	struct sqfs_file_t base;
	int fd;
	uint64_t offset;  /* where the SquashFS begins */
	uint64_t size;    /* its bytes so far */
	uint64_t most;    /* it may have; 0: no limit */
	int error;        /* the first that a call of ours met; 0: none */
	bool is_given_up; /* what is written goes nowhere */
};

/** squashfs_file_open() - set up; it needs no closing, and @fd stays the caller's */
void squashfs_file_open(struct squashfs_file *file, int fd, uint64_t offset, uint64_t most);

/** squashfs_error() - a result of libsquashfs as 0 or a negative errno; that of @file first */
int squashfs_error(const struct squashfs_file *file, int result);
