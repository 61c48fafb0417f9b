/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verity.c - the hash tree with which dm-verity checks each block (see verity.h)
 *
 * In:    a part of a file
 * Out:   a header and the levels of the tree, the uppermost first
 * Facts: a digest is that of salt and block (hash type 1); a block of the tree holds the digests of
 *        128 blocks below it, and zeros when there are fewer; of data that is one block the root
 *        hash is that block's digest: kernel Documentation/admin-guide/device-mapper/verity.rst,
 *        drivers/md/dm-verity-target.c
 */
#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "verity.h"
#include "../init/lib/file.h"

#define PIECE ((size_t)1 << 20)
#define PER_BLOCK (VERITY_BLOCK / VERITY_DIGEST)
#define LEVELS_MOST 10 /* more than 2^64 bytes need */

/* one level of the tree: whole blocks */
struct level {
	unsigned char *bytes;
	size_t used, size; /* of digests; of blocks */
};

struct tree {
	int fd;
	uint64_t offset, size;
	const unsigned char *salt;
	EVP_MD_CTX *digest;
	struct level levels[LEVELS_MOST]; /* those of data blocks first */
	size_t count;
};

struct header {
	char signature[8];
	uint32_t version, hash_type;
	unsigned char uuid[16];
	char algorithm[32];
	uint32_t data_block_size, hash_block_size;
	uint64_t data_blocks;
	uint16_t salt_size;
	char zeros[6];
	unsigned char salt[256];
	char more_zeros[168];
};

_Static_assert(sizeof(struct header) == 512, "as veritysetup has it");

static void tree_free(struct tree *tree)
{
	EVP_MD_CTX_free(tree->digest);
	for (size_t i = 0; i < LEVELS_MOST; i++)
		free(tree->levels[i].bytes);
}

static int level_make(struct level *level, uint64_t blocks_below)
{
	level->size = (size_t)((blocks_below + PER_BLOCK - 1) / PER_BLOCK) * VERITY_BLOCK;
	level->bytes = calloc(1, level->size);
	return level->bytes ? 0 : -ENOMEM;
}

static int block_digest(struct tree *tree, const unsigned char *block, unsigned char *ret_digest)
{
	return EVP_DigestInit_ex(tree->digest, EVP_sha256(), NULL) &&
			       EVP_DigestUpdate(tree->digest, tree->salt, VERITY_DIGEST) &&
			       EVP_DigestUpdate(tree->digest, block, VERITY_BLOCK) &&
			       EVP_DigestFinal_ex(tree->digest, ret_digest, NULL)
		       ? 0
		       : -ENOMEM;
}

/* digests of the data, into the lowest level */
static int read_data(struct tree *tree, struct level *level)
{
	CLEANUP(memory_free) unsigned char *piece = malloc(PIECE);
	int r = piece ? 0 : -ENOMEM;

	for (uint64_t done = 0; r == 0 && done < tree->size;) {
		uint64_t left = tree->size - done;
		size_t count = left < PIECE ? (size_t)left : PIECE;

		r = file_read_at(tree->fd, piece, count, tree->offset + done);
		for (size_t at = 0; r == 0 && at < count; at += VERITY_BLOCK) {
			r = block_digest(tree, piece + at, level->bytes + level->used);
			level->used += VERITY_DIGEST;
		}
		done += count;
	}
	return r;
}

static int tree_make(struct tree *tree, struct verity *verity)
{
	uint64_t blocks = tree->size / VERITY_BLOCK;
	int r = 0;

	if (blocks == 0 || tree->size % VERITY_BLOCK)
		return -EINVAL;
	*verity = (struct verity){ .data_blocks = blocks, .hash_start = blocks + 1 };
	memcpy(verity->salt, tree->salt, VERITY_DIGEST);
	r = level_make(&tree->levels[0], blocks);
	if (r == 0)
		r = read_data(tree, &tree->levels[0]);
	/* a level of one digest is the root hash, and is not stored */
	while (r == 0 && tree->levels[tree->count].used > VERITY_DIGEST) {
		const struct level *below = &tree->levels[tree->count++];
		struct level *above = &tree->levels[tree->count];

		r = level_make(above, below->size / VERITY_BLOCK);
		for (size_t at = 0; r == 0 && at < below->size; at += VERITY_BLOCK) {
			r = block_digest(tree, below->bytes + at, above->bytes + above->used);
			above->used += VERITY_DIGEST;
		}
	}
	if (r < 0)
		return r;
	memcpy(verity->root_hash, tree->levels[tree->count].bytes, VERITY_DIGEST);
	verity->size = VERITY_BLOCK;
	for (size_t i = 0; i < tree->count; i++)
		verity->size += tree->levels[i].size;
	return 0;
}

/* a block; the UUID is of version 4's form, for who looks at it */
static void header_make(const struct verity *verity, unsigned char *block)
{
	struct header header = {
		.signature = "verity",
		.version = htole32(1),
		.hash_type = htole32(1),
		.algorithm = "sha256",
		.data_block_size = htole32(VERITY_BLOCK),
		.hash_block_size = htole32(VERITY_BLOCK),
		.data_blocks = htole64(verity->data_blocks),
		.salt_size = htole16(VERITY_DIGEST),
	};

	memcpy(header.uuid, verity->salt, sizeof(header.uuid));
	header.uuid[6] = (unsigned char)((header.uuid[6] & 0x0f) | 0x40);
	header.uuid[8] = (unsigned char)((header.uuid[8] & 0x3f) | 0x80);
	memcpy(header.salt, verity->salt, VERITY_DIGEST);
	memset(block, 0, VERITY_BLOCK);
	memcpy(block, &header, sizeof(header));
}

int verity_write(int fd, uint64_t offset, uint64_t size, const unsigned char *salt,
		 struct verity *ret_verity)
{
	CLEANUP(tree_free)
	struct tree tree = {
		.fd = fd,
		.offset = offset,
		.size = size,
		.salt = salt,
		.digest = EVP_MD_CTX_new(),
	};
	uint64_t at = offset + size;
	unsigned char header[VERITY_BLOCK];
	int r = tree.digest ? tree_make(&tree, ret_verity) : -ENOMEM;

	if (r < 0)
		return r;
	header_make(ret_verity, header);
	r = file_write_at(fd, header, sizeof(header), at);
	at += sizeof(header);
	for (size_t i = tree.count; r == 0 && i-- > 0;) {
		r = file_write_at(fd, tree.levels[i].bytes, tree.levels[i].size, at);
		at += tree.levels[i].size;
	}
	return r;
}

int verity_check(int fd, uint64_t offset, const struct verity *verity)
{
	CLEANUP(tree_free)
	struct tree tree = {
		.fd = fd,
		.offset = offset,
		.size = verity->data_blocks * VERITY_BLOCK,
		.salt = verity->salt,
		.digest = EVP_MD_CTX_new(),
	};
	uint64_t at = offset + tree.size + VERITY_BLOCK;
	struct verity made;
	bool is_same;
	int r = tree.digest ? tree_make(&tree, &made) : -ENOMEM;

	is_same = r == 0 && memcmp(made.root_hash, verity->root_hash, VERITY_DIGEST) == 0;
	for (size_t i = tree.count; r == 0 && is_same && i-- > 0;) {
		CLEANUP(memory_free) unsigned char *found = malloc(tree.levels[i].size);

		r = found ? file_read_at(fd, found, tree.levels[i].size, at) : -ENOMEM;
		is_same = r == 0 && memcmp(found, tree.levels[i].bytes, tree.levels[i].size) == 0;
		at += tree.levels[i].size;
	}
	return r < 0 ? r : is_same;
}
