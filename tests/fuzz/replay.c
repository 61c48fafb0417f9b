/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay.c - a fuzz target over files, with any compiler: the corpus as a test
 *
 * In:    files and folders
 * Out:   the name of each file before it is run, so that the last one named is the culprit
 */
#include <ftw.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "fuzz.h"

static unsigned count;

static int replay(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	uint8_t *input;

	(void)status;
	(void)walk;
	if (kind != FTW_F)
		return 0;
	if (file_read(AT_FDCWD, path, (size_t)64 << 20, &content) < 0) {
		(void)fprintf(stderr, "cannot read '%s'\n", path);
		return 1;
	}
	(void)printf("%s\n", path);
	(void)fflush(stdout);
	/* exactly as long as the input: ASan sees a read behind it */
	input = malloc(content.length ? content.length : 1);
	REQUIRE(input);
	if (content.length)
		memcpy(input, content.data, content.length);
	(void)LLVMFuzzerTestOneInput(input, content.length);
	free(input);
	count++;
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (nftw(argv[i], replay, 16, FTW_PHYS) != 0)
			return 1;
	(void)printf("%u inputs\n", count);
	return count == 0;
}
