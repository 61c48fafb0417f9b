/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fat.c - a boot file system: whatever it is, all is read and written within its volume, and what
 * was written is read back
 */
#include "fuzz.h"
#include "mkinitrd/disk_slots.h"

#define MOST ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(fd_close) int fd = fuzz_file(data, size);
	CLEANUP(fat_cleanup) struct fat *fat = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	static const char content[] = "a file that is new";
	struct volume volume = VOLUME_NONE;
	uint64_t before;
	char letter;

	if (size > MOST || fat_open(fd, 0, size, 0, &fat) < 0)
		return 0;
	before = fat_free_bytes(fat);
	REQUIRE(before <= size);
	volume.fat = fat;
	if (slots_current(&volume, &letter) == 0)
		REQUIRE(letter == 'a' || letter == 'b');
	(void)fat_make_directory(fat, "loader");
	(void)fat_make_directory(fat, "loader/entries");
	(void)fat_remove(fat, "loader/entries/mkinitrd-a.conf");
	if (fat_write(fat, "loader/entries/mkinitrd-a.conf", -1, content, sizeof(content)) == 0) {
		REQUIRE(fat_read(fat, "loader/entries/mkinitrd-a.conf", MOST, &text) == 0);
		REQUIRE(text.length == sizeof(content));
		REQUIRE(memcmp(text.data, content, sizeof(content)) == 0);
		REQUIRE(fat_patch(fat, "loader/entries/mkinitrd-a.conf", 2, "F", 1) == 0);
		REQUIRE(fat_remove(fat, "loader/entries/mkinitrd-a.conf") == 0);
	}
	(void)fat_finish(fat);
	REQUIRE(lseek(fd, 0, SEEK_END) == (off_t)size);
	return 0;
}
