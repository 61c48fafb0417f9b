/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs.c - what a SquashFS says of itself: what init will mount has its metadata within its
 *              size, and its size within what is there
 */
#include "fuzz.h"
#include "init/lib/squashfs_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	struct squashfs_header header;
	char name[16];
	bool has_problem;

	if (squashfs_header_parse(data, size, &header) < 0)
		return 0;
	REQUIRE(size >= SQUASHFS_HEADER_BYTES);
	REQUIRE(*squashfs_compressor(header.compressor, name));
	has_problem = squashfs_header_problem(&header, size, &why);
	REQUIRE(has_problem == (why.length > 0));
	if (has_problem)
		return 0;
	REQUIRE(header.major == 4 && header.minor == 0);
	REQUIRE(header.inode_table < header.size && header.size <= size);
	return 0;
}
