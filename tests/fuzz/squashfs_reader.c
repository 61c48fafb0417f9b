/* SPDX-License-Identifier: Apache-2.0 */
/*
 * squashfs_reader.c - SquashFS of any maker: paths lie below the root, content is as long as it
 *                     says, attributes are sorted and bounded, what failed once fails again
 */
#include <sys/stat.h>

#include "fuzz.h"
#include "mkinitrd/squashfs_reader.h"

#define UNPACKED_MOST ((uint64_t)4 << 20) /* of one input: a bomb is not read to its end */
#define ITEMS_MOST 20000

static void check_item(const struct squashfs_item *item)
{
	REQUIRE(fuzz_path_is_below(item->path));
	REQUIRE((S_ISLNK(item->mode) != 0) == (item->target != NULL));
	REQUIRE(!item->target || strlen(item->target) == item->size);
}

static void check_xattrs(struct squashfs_reader *reader)
{
	struct xattrs xattrs;

	if (squashfs_reader_xattrs(reader, &xattrs) < 0) {
		REQUIRE(xattrs.count == 0);
		return;
	}
	for (size_t i = 0; i < xattrs.count; i++) {
		REQUIRE(strlen(xattrs.items[i].name) <= XATTR_NAME_MOST + strlen("security."));
		REQUIRE(xattrs.items[i].size <= XATTR_VALUE_MOST);
		REQUIRE(i == 0 || strcmp(xattrs.items[i - 1].name, xattrs.items[i].name) < 0);
	}
	xattrs_free(&xattrs);
}

/* Return: bytes read */
static uint64_t read_content(struct squashfs_reader *reader, const struct squashfs_item *item)
{
	uint64_t length = 0;
	ssize_t count = 1;

	while (length < UNPACKED_MOST && count > 0) {
		const unsigned char *piece;

		count = squashfs_reader_piece(reader, &piece);
		if (count > 0) {
			(void)memchr(piece, 0xa5, (size_t)count);
			length += (uint64_t)count;
		}
	}
	REQUIRE(!S_ISREG(item->mode) || length <= item->size);
	REQUIRE(count != 0 || !S_ISREG(item->mode) || length == item->size);
	return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(fd_close) int fd = fuzz_file(data, size);
	CLEANUP(squashfs_reader_cleanup) struct squashfs_reader *reader = NULL;
	struct squashfs_item item;
	uint64_t total = 0;
	int r = squashfs_reader_open(fd, 0, size, &reader);

	for (unsigned i = 0; r == 0 && i < ITEMS_MOST && total < UNPACKED_MOST; i++) {
		if (squashfs_reader_next(reader, &item) != 1)
			break;
		check_item(&item);
		if (i % 2)
			check_xattrs(reader);
		total += read_content(reader, &item);
	}
	if (reader && squashfs_reader_problem(reader)[0] && r < 0)
		REQUIRE(squashfs_reader_next(reader, &item) < 0);
	return 0;
}
