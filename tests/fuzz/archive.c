/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.c - archives of "docker save", compressed or not, and compressed files: an id is one,
 *             unpacking is bounded
 */
#include "fuzz.h"
#include "mkinitrd/container_archive.h"
#include "mkinitrd/decompress.h"

#define UNPACKED_MOST ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(fd_close) int fd = fuzz_file(data, size);
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(memory_free) char *id = NULL;
	char hex[SHA256_SIZE * 2 + 1];

	if (container_archive_id(fd, "'fuzz.tar'", "a:b", &id) == 0)
		REQUIRE(text_after(id, "sha256:") && strlen(id) == strlen("sha256:") + 64);
	else
		REQUIRE(!id);
	REQUIRE(sha256_hex_fd(fd, hex) == 0 && strlen(hex) == 64);
	REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
	(void)decompress_fd(fd, UNPACKED_MOST, &text);
	REQUIRE(text.length <= UNPACKED_MOST);
	return 0;
}
