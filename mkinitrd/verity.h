/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verity.h - the hash tree with which dm-verity checks each block that it reads
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define VERITY_BLOCK 4096
#define VERITY_DIGEST 32 /* bytes of a SHA-256 */

struct verity {
	unsigned char root_hash[VERITY_DIGEST];
	unsigned char salt[VERITY_DIGEST];
	uint64_t data_blocks;
	uint64_t hash_start; /* the block in which the tree begins, behind its header */
	uint64_t size;       /* bytes of header and tree */
};

/**
 * verity_write() - header and tree behind @size bytes that begin at @offset of @fd; quiet
 * @size: a multiple of VERITY_BLOCK, not 0
 * @salt: VERITY_DIGEST bytes; they decide the header's UUID too, so that nothing is random
 *
 * Return: 0 or a negative errno
 * Source: kernel Documentation/admin-guide/device-mapper/verity.rst; the header is that of
 * veritysetup(8)
 */
int verity_write(int fd, uint64_t offset, uint64_t size, const unsigned char *salt,
		 struct verity *ret_verity);

/** verity_check() - whether the tree behind the data is that of @verity, by making it again; quiet.
 * Return: 1, 0, or a negative errno */
int verity_check(int fd, uint64_t offset, const struct verity *verity);
