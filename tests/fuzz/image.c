/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.c - images of any maker, segments in any compression: what is handed out lies below the
 *           image's root, is as long as it says, and ends where reading ends
 */
#include <sys/stat.h>

#include "fuzz.h"
#include "mkinitrd/image.h"

#define UNPACKED_MOST ((uint64_t)1 << 20) /* of one input: a bomb is not read to its end */

static void check_entry(const struct image_entry *entry)
{
	REQUIRE(fuzz_path_is_below(entry->path) || text_equal(entry->path, ".")); /* its root */
	REQUIRE((S_ISLNK(entry->mode) != 0) == (entry->target != NULL));
	REQUIRE(!entry->target || *entry->target);
	REQUIRE(entry->name);
}

static void read_all(struct image_reader *reader)
{
	struct image_entry entry;
	uint64_t total = 0;

	while (total < UNPACKED_MOST && image_next(reader, &entry) > 0) {
		uint64_t length = 0;
		ssize_t count = 1;

		check_entry(&entry);
		total += 110;
		while (total < UNPACKED_MOST && count > 0) {
			const unsigned char *piece;
			unsigned char buffer[777];

			if (entry.inode % 2) {
				count = image_read(reader, buffer, sizeof(buffer));
				piece = buffer;
			} else {
				count = image_read_piece(reader, &piece);
			}
			if (count > 0) { /* all of it can be read, which ASan judges */
				(void)memchr(piece, 0xa5, (size_t)count);
				length += (uint64_t)count;
				total += (uint64_t)count;
			}
		}
		REQUIRE(length <= entry.size);
		REQUIRE(count != 0 || S_ISLNK(entry.mode) || length == entry.size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(fd_close) int fd = fuzz_file(data, size);
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;

	if (image_open_fd(fd, "fuzz.img", &reader) == 0)
		read_all(reader);
	return 0;
}
