/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpt.c - partition tables: what is taken lies on the disk, and is the same when it is written
 */
#include "fuzz.h"
#include "init/lib/gpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(fd_close) int fd = fuzz_file(data, size);
	uint64_t sectors = size / GPT_SECTOR;
	struct gpt gpt, again;

	if (gpt_read(fd, sectors, &gpt) < 0)
		return 0;
	for (size_t i = 0; i < GPT_PARTITIONS; i++)
		REQUIRE(!gpt_is_used(&gpt.partitions[i]) || gpt.partitions[i].last < sectors);
	if (sectors < 128)
		return 0;
	(void)gpt_grow(&gpt, 2, sectors + 65536);
	if (gpt.backup >= 34 && gpt.backup < 2 * (sectors + 65536)) {
		REQUIRE(gpt_write(fd, &gpt) == 0);
		if (gpt_read(fd, sectors + 65536, &again) == 0)
			REQUIRE(memcmp(gpt.guid, again.guid, sizeof(gpt.guid)) == 0);
	}
	return 0;
}
