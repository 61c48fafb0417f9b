/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.c - kernel images: the configuration inside is found or not, and bounded
 */
#include "fuzz.h"
#include "mkinitrd/kernel_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(fd_close) int fd = fuzz_file(data, size);
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	(void)kernel_image_config(fd, &text);
	REQUIRE(text.length <= KERNEL_CONFIG_MOST + 4096);
	return 0;
}
