/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fat_names.c - FAT32: what a name looks like in a directory
 *
 * In:    a name
 * Out:   slots
 * Facts: the specification (fat.h): section 6.1 for short names, 7 for long ones and their checksum
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "fat_private.h"

uint8_t fat_short_sum(const uint8_t short_name[11])
{
	uint8_t sum = 0;

	for (int i = 0; i < 11; i++)
		sum = (uint8_t)((sum & 1 ? 0x80 : 0) + (sum >> 1) + short_name[i]);
	return sum;
}

bool fat_short_name(const char *name, uint8_t slot[FAT_ENTRY])
{
	const char *dot = strchr(name, '.');
	size_t base = dot ? (size_t)(dot - name) : strlen(name);
	size_t extension = dot ? strlen(dot + 1) : 0;
	bool small[2] = { false, false }, large[2] = { false, false };

	memset(slot, ' ', 11);
	if (base == 0 || base > 8 || extension > 3 || (dot && strchr(dot + 1, '.')))
		return false;
	for (size_t i = 0, at = 0; name[i]; i++) {
		unsigned char letter = (unsigned char)name[i];
		size_t part = dot && name + i > dot;

		if (name + i == dot) {
			at = 8;
			continue;
		}
		if (!isalnum(letter) && letter != '-' && letter != '_')
			return false;
		small[part] |= islower(letter) != 0;
		large[part] |= isupper(letter) != 0;
		slot[at++] = (uint8_t)toupper(letter);
	}
	slot[12] = (uint8_t)((small[0] ? 0x08 : 0) | (small[1] ? 0x10 : 0));
	return !(small[0] && large[0]) && !(small[1] && large[1]);
}

/* "LOADER~1CON" for "loader.conf", with the first number that nobody has */
int fat_invent_name(const struct fat_directory *directory, const char *name,
		    uint8_t slot[FAT_ENTRY])
{
	char base[7] = "", extension[4] = "";
	const char *dot = strrchr(name, '.');
	size_t length = 0, extension_length = 0;

	for (const char *at = name; *at && at != dot && length < 6; at++)
		if (isalnum((unsigned char)*at))
			base[length++] = (char)toupper((unsigned char)*at);
	for (const char *at = dot; at && *at && extension_length < 3; at++)
		if (isalnum((unsigned char)*at))
			extension[extension_length++] = (char)toupper((unsigned char)*at);
	for (unsigned number = 1; number <= 9; number++) {
		struct fat_entry entry;
		char candidate[13];
		uint32_t from = 0;
		bool is_taken = false;

		(void)snprintf(candidate, sizeof(candidate), "%s~%u%s%s", base, number,
			       *extension ? "." : "", extension);
		while (fat_directory_next(directory, &from, &entry) > 0)
			is_taken |= text_equal(entry.short_name, candidate);
		if (is_taken)
			continue;
		memset(slot, ' ', 11);
		memcpy(slot, base, length);
		slot[length] = '~';
		slot[length + 1] = (uint8_t)('0' + number);
		memcpy(slot + 8, extension, extension_length);
		slot[12] = 0;
		return 0;
	}
	return -EEXIST;
}

void fat_long_name(const char *name, uint8_t (*slots)[FAT_ENTRY], unsigned count)
{
	static const uint8_t places[] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
	size_t length = strlen(name);
	uint8_t sum = fat_short_sum(slots[count]);

	for (unsigned i = 0; i < count; i++) {
		unsigned number = count - i;
		uint8_t *slot = slots[i];

		memset(slot, 0, FAT_ENTRY);
		slot[0] = (uint8_t)(number | (i == 0 ? 0x40 : 0));
		slot[11] = 0x0f;
		slot[13] = sum;
		for (size_t j = 0; j < COUNT_OF(places); j++) {
			size_t at = 13 * (size_t)(number - 1) + j;

			fat_put(slot + places[j], 2,
				at < length    ? (uint8_t)name[at]
				: at == length ? 0
					       : 0xffff);
		}
	}
}
