/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - what every fuzz target has: its entry, oracles, files in memory
 *
 * A target is one function, LLVMFuzzerTestOneInput(), as libFuzzer wants it (llvm.org/docs/
 * LibFuzzer.html): any bytes in, 0 out. What must never be is a REQUIRE(), which ends the program
 * like any other finding. Messages of the code under test are formatted and dropped (quiet.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "init/lib/file.h"
#include "init/lib/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                 \
	do {                                                                               \
		if (!(condition)) {                                                        \
			(void)fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, \
				      #condition);                                         \
			abort();                                                           \
		}                                                                          \
	} while (0)

/* a copy that ends in NUL, which ASan guards; the caller frees it */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	char *string = malloc(size + 1);

	REQUIRE(string);
	if (size)
		memcpy(string, data, size);
	string[size] = '\0';
	return string;
}

/* a regular file in memory that holds the input, at offset 0; the caller closes it */
static inline int fuzz_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	REQUIRE(fd >= 0);
	REQUIRE(file_write_fd(fd, data, size) == 0);
	REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

/* no "..", no "." and no empty component, and not absolute: what may be put below a folder */
static inline bool fuzz_path_is_below(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");

		if (length == 0 || (length <= 2 && strspn(path, ".") >= length))
			return false;
		if (path[length] == '\0')
			return true;
		path += length + 1;
	}
}
