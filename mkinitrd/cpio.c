/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpio.c - the records of a newc archive, as bytes and as a struct (see cpio.h)
 */
#include <errno.h>
#include <string.h>

#include "cpio.h"
#include "../init/lib/cleanup.h"

#define MAGIC_LENGTH 6
#define DIGITS 8

/* the numbers of a header in their order */
static const size_t fields[] = {
	offsetof(struct cpio_header, inode),         offsetof(struct cpio_header, mode),
	offsetof(struct cpio_header, uid),           offsetof(struct cpio_header, gid),
	offsetof(struct cpio_header, nlink),         offsetof(struct cpio_header, mtime),
	offsetof(struct cpio_header, size),          offsetof(struct cpio_header, device_major),
	offsetof(struct cpio_header, device_minor),  offsetof(struct cpio_header, special_major),
	offsetof(struct cpio_header, special_minor), offsetof(struct cpio_header, name_size),
	offsetof(struct cpio_header, check),
};

_Static_assert(MAGIC_LENGTH + COUNT_OF(fields) * DIGITS == CPIO_HEADER_SIZE, "newc header");

void cpio_format(const struct cpio_header *header, char *characters)
{
	static const char digits[] = "0123456789abcdef";

	static const char magic[MAGIC_LENGTH] = { '0', '7', '0', '7', '0', '1' };

	memcpy(characters, magic, sizeof(magic));
	characters += MAGIC_LENGTH;
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		uint32_t number;

		memcpy(&number, (const char *)header + fields[i], sizeof(number));
		for (int shift = 28; shift >= 0; shift -= 4)
			*characters++ = digits[(number >> shift) & 15];
	}
}

/* the value of a hexadecimal digit of either case, or -1 */
static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

int cpio_parse(const char *characters, struct cpio_header *ret_header)
{
	struct cpio_header header = { .has_check =
					      memcmp(characters, "070702", MAGIC_LENGTH) == 0 };

	if (!header.has_check && memcmp(characters, "070701", MAGIC_LENGTH) != 0)
		return -EINVAL;
	characters += MAGIC_LENGTH;
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		uint32_t number = 0;

		for (size_t j = 0; j < DIGITS; j++) {
			int value = digit_value(*characters++);

			if (value < 0)
				return -EINVAL;
			number = number << 4 | (uint32_t)value;
		}
		memcpy((char *)&header + fields[i], &number, sizeof(number));
	}
	*ret_header = header;
	return 0;
}
