/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpio.c - newc headers in both directions
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "init/lib/cleanup.h"
#include "mkinitrd/cpio.h"

/* written down by hand from buffer-format.rst */
static const char known[] = "070701"
			    "00000001" /* ino */
			    "000081ed" /* mode */
			    "00000002" /* uid */
			    "00000003" /* gid */
			    "00000004" /* nlink */
			    "65530f00" /* mtime */
			    "ffffffff" /* filesize */
			    "00000005" /* major */
			    "00000006" /* minor */
			    "00000007" /* rmajor */
			    "00000008" /* rminor */
			    "0000000b" /* namesize */
			    "0000000a" /* chksum */;

static void a_header_is_the_known_one_in_both_directions(void **state UNUSED)
{
	const struct cpio_header expected = {
		.inode = 1,
		.mode = 0100755,
		.uid = 2,
		.gid = 3,
		.nlink = 4,
		.mtime = 0x65530f00,
		.size = UINT32_MAX,
		.device_major = 5,
		.device_minor = 6,
		.special_major = 7,
		.special_minor = 8,
		.name_size = 11,
		.check = 10,
	};
	struct cpio_header header;
	char characters[CPIO_HEADER_SIZE];

	assert_int_equal(strlen(known), CPIO_HEADER_SIZE);
	cpio_format(&expected, characters);
	assert_memory_equal(characters, known, CPIO_HEADER_SIZE);
	assert_int_equal(cpio_parse(known, &header), 0);
	assert_memory_equal(&header, &expected, sizeof(header));
}

static const struct {
	size_t place;
	char character;
	int result;
} rows[] = {
	{ 5, '2', 0 },       /* 070702: with checksums */
	{ 5, '7', -EINVAL }, /* 070707: the old portable form */
	{ 0, '1', -EINVAL },
	{ 6, 'F', 0 }, /* upper case is fine for the kernel too */
	{ 6, 'g', -EINVAL },
	{ 6, ' ', -EINVAL },
	{ 6, '\0', -EINVAL },
	{ 6, '-', -EINVAL },
	{ CPIO_HEADER_SIZE - 1, 'x', -EINVAL },
};

static void bad_headers_are_refused(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cpio_header header = { .uid = 77 };
		char characters[CPIO_HEADER_SIZE];

		print_message("row: %zu '%c'\n", rows[i].place, rows[i].character);
		memcpy(characters, known, sizeof(characters));
		characters[rows[i].place] = rows[i].character;
		assert_int_equal(cpio_parse(characters, &header), rows[i].result);
		assert_int_equal(header.uid, rows[i].result ? 77 : 2); /* untouched on failure */
	}
}

static void padding_reaches_the_next_multiple_of_four(void **state UNUSED)
{
	assert_int_equal(cpio_padding(0), 0);
	assert_int_equal(cpio_padding(1), 3);
	assert_int_equal(cpio_padding(3), 1);
	assert_int_equal(cpio_padding(4), 0);
	assert_int_equal(cpio_padding(UINT32_MAX), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_the_known_one_in_both_directions),
		cmocka_unit_test(bad_headers_are_refused),
		cmocka_unit_test(padding_reaches_the_next_multiple_of_four),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
