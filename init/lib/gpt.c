/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpt.c - a disk's GUID partition table (see gpt.h)
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gpt.h"

#define HEADER_BYTES 92
#define ENTRY_BYTES 128
#define ARRAY_BYTES ((size_t)GPT_PARTITIONS * ENTRY_BYTES)
#define HEADER_SECTOR 1
/* the two places of the primary array: its usual one, and the sectors behind that */
#define FIRST_ARRAY (HEADER_SECTOR + 1)
#define SECOND_ARRAY (FIRST_ARRAY + GPT_ARRAY_SECTORS)
#define BEHIND_ARRAYS (SECOND_ARRAY + GPT_ARRAY_SECTORS)

_Static_assert(ARRAY_BYTES == (size_t)GPT_ARRAY_SECTORS * GPT_SECTOR, "an array fills its sectors");

static const uint8_t signature[8] = { 'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T' };

/* GUIDs as they lie on the disk: the first three groups are little endian */
const uint8_t gpt_type_bios_boot[16] = { 0x48, 0x61, 0x68, 0x21, 0x49, 0x64, 0x6f, 0x6e,
					 0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46, 0x49 };
const uint8_t gpt_type_esp[16] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
				   0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };
const uint8_t gpt_type_linux[16] = { 0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
				     0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4 };

/* the polynomial of Ethernet, reflected */
static uint32_t crc32_of(const uint8_t *bytes, size_t count)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < count; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
	}
	return ~crc;
}

static uint64_t get(const uint8_t *bytes, unsigned count)
{
	uint64_t number = 0;

	while (count--)
		number = number << 8 | bytes[count];
	return number;
}

static void put(uint8_t *bytes, unsigned count, uint64_t number)
{
	for (unsigned i = 0; i < count; i++, number >>= 8)
		bytes[i] = (uint8_t)number;
}

static int read_at(int fd, uint64_t sector, void *bytes, size_t count)
{
	size_t done = 0;

	while (done < count) {
		ssize_t r = pread(fd, (uint8_t *)bytes + done, count - done,
				  (off_t)(sector * GPT_SECTOR + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -ENODATA;
		done += (size_t)r;
	}
	return 0;
}

static int write_at(int fd, uint64_t sector, const void *bytes, size_t count)
{
	size_t done = 0;

	while (done < count) {
		ssize_t r = pwrite(fd, (const uint8_t *)bytes + done, count - done,
				   (off_t)(sector * GPT_SECTOR + done));

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0)
			done += (size_t)r;
	}
	return 0;
}

bool gpt_is_used(const struct gpt_partition *partition)
{
	static const uint8_t unused[16];

	return memcmp(partition->type, unused, sizeof(unused)) != 0;
}

void gpt_set_name(struct gpt_partition *partition, const char *name)
{
	memset(partition->name, 0, sizeof(partition->name));
	for (size_t i = 0; i < GPT_NAME_UNITS && name[i]; i++)
		partition->name[i] = (uint8_t)name[i];
}

bool gpt_name_is(const struct gpt_partition *partition, const char *name)
{
	struct gpt_partition other = { 0 };

	gpt_set_name(&other, name);
	return memcmp(partition->name, other.name, sizeof(other.name)) == 0;
}

void gpt_guid_format(const uint8_t guid[16], char ret_text[GPT_GUID_TEXT])
{
	(void)snprintf(ret_text, GPT_GUID_TEXT,
		       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		       guid[3], guid[2], guid[1], guid[0], guid[5], guid[4], guid[7], guid[6],
		       guid[8], guid[9], guid[10], guid[11], guid[12], guid[13], guid[14],
		       guid[15]);
}

/* ---- reading ---- */

static int decode_header(uint8_t *header, uint64_t sectors, struct gpt *gpt, uint32_t *ret_crc)
{
	uint32_t crc = (uint32_t)get(header + 16, 4);

	if (memcmp(header, signature, sizeof(signature)) != 0)
		return -ENODATA;
	if (get(header + 8, 4) != 0x10000 || get(header + 12, 4) != HEADER_BYTES ||
	    get(header + 80, 4) != GPT_PARTITIONS || get(header + 84, 4) != ENTRY_BYTES)
		return -ENOTSUP;
	put(header + 16, 4, 0);
	if (crc32_of(header, HEADER_BYTES) != crc)
		return -EBADMSG;
	gpt->backup = get(header + 32, 8);
	gpt->first_usable = get(header + 40, 8);
	gpt->last_usable = get(header + 48, 8);
	memcpy(gpt->guid, header + 56, 16);
	gpt->array = get(header + 72, 8);
	*ret_crc = (uint32_t)get(header + 88, 4);
	if (get(header + 24, 8) != HEADER_SECTOR || gpt->array < FIRST_ARRAY ||
	    gpt->array + GPT_ARRAY_SECTORS > gpt->first_usable ||
	    gpt->first_usable > gpt->last_usable || gpt->last_usable >= sectors)
		return -EBADMSG;
	return 0;
}

static int decode_entry(const uint8_t *bytes, const struct gpt *gpt,
			struct gpt_partition *partition)
{
	memcpy(partition->type, bytes, 16);
	memcpy(partition->guid, bytes + 16, 16);
	partition->first = get(bytes + 32, 8);
	partition->last = get(bytes + 40, 8);
	partition->attributes = get(bytes + 48, 8);
	for (size_t i = 0; i < GPT_NAME_UNITS; i++)
		partition->name[i] = (uint16_t)get(bytes + 56 + 2 * i, 2);
	if (gpt_is_used(partition) &&
	    (partition->first < gpt->first_usable || partition->last > gpt->last_usable ||
	     partition->first > partition->last))
		return -EBADMSG;
	return 0;
}

int gpt_read(int fd, uint64_t sectors, struct gpt *ret_gpt)
{
	uint8_t header[GPT_SECTOR], array[ARRAY_BYTES];
	struct gpt gpt = { 0 };
	uint32_t crc = 0;
	int r = read_at(fd, HEADER_SECTOR, header, sizeof(header));

	if (r == 0)
		r = decode_header(header, sectors, &gpt, &crc);
	if (r == 0)
		r = read_at(fd, gpt.array, array, sizeof(array));
	if (r == 0 && crc32_of(array, sizeof(array)) != crc)
		r = -EBADMSG;
	for (size_t i = 0; r == 0 && i < GPT_PARTITIONS; i++)
		r = decode_entry(array + i * ENTRY_BYTES, &gpt, &gpt.partitions[i]);
	if (r == 0)
		*ret_gpt = gpt;
	return r;
}

/* ---- writing ---- */

void gpt_fit(struct gpt *gpt, uint64_t sectors)
{
	gpt->backup = sectors - 1;
	gpt->last_usable = sectors - 2 - GPT_ARRAY_SECTORS;
}

void gpt_new(struct gpt *gpt, uint64_t sectors, const uint8_t guid[16])
{
	*gpt = (struct gpt){ .array = SECOND_ARRAY, .first_usable = GPT_ALIGNMENT };
	memcpy(gpt->guid, guid, sizeof(gpt->guid));
	gpt_fit(gpt, sectors);
}

static void encode_array(const struct gpt *gpt, uint8_t *array)
{
	memset(array, 0, ARRAY_BYTES);
	for (size_t i = 0; i < GPT_PARTITIONS; i++, array += ENTRY_BYTES) {
		const struct gpt_partition *partition = &gpt->partitions[i];

		if (!gpt_is_used(partition))
			continue;
		memcpy(array, partition->type, 16);
		memcpy(array + 16, partition->guid, 16);
		put(array + 32, 8, partition->first);
		put(array + 40, 8, partition->last);
		put(array + 48, 8, partition->attributes);
		for (size_t j = 0; j < GPT_NAME_UNITS; j++)
			put(array + 56 + 2 * j, 2, partition->name[j]);
	}
}

static void encode_header(const struct gpt *gpt, bool is_backup, uint64_t array_sector,
			  const uint8_t *array, uint8_t *header)
{
	memset(header, 0, GPT_SECTOR);
	memcpy(header, signature, sizeof(signature));
	put(header + 8, 4, 0x10000);
	put(header + 12, 4, HEADER_BYTES);
	put(header + 24, 8, is_backup ? gpt->backup : HEADER_SECTOR);
	put(header + 32, 8, is_backup ? HEADER_SECTOR : gpt->backup);
	put(header + 40, 8, gpt->first_usable);
	put(header + 48, 8, gpt->last_usable);
	memcpy(header + 56, gpt->guid, 16);
	put(header + 72, 8, array_sector);
	put(header + 80, 4, GPT_PARTITIONS);
	put(header + 84, 4, ENTRY_BYTES);
	put(header + 88, 4, crc32_of(array, ARRAY_BYTES));
	put(header + 16, 4, crc32_of(header, HEADER_BYTES));
}

/* an array, then the header that counts it in */
static int write_half(int fd, const struct gpt *gpt, bool is_backup, uint64_t array_sector)
{
	uint8_t header[GPT_SECTOR], array[ARRAY_BYTES];
	int r;

	encode_array(gpt, array);
	encode_header(gpt, is_backup, array_sector, array, header);
	r = write_at(fd, array_sector, array, sizeof(array));
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = write_at(fd, is_backup ? gpt->backup : HEADER_SECTOR, header, sizeof(header));
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	return r;
}

int gpt_write(int fd, struct gpt *gpt)
{
	uint64_t array = FIRST_ARRAY;
	int r = write_half(fd, gpt, true, gpt->backup - GPT_ARRAY_SECTORS);

	if (gpt->array == FIRST_ARRAY && gpt->first_usable >= BEHIND_ARRAYS)
		array = SECOND_ARRAY;
	if (r == 0)
		r = write_half(fd, gpt, false, array);
	if (r == 0)
		gpt->array = array;
	return r;
}

bool gpt_grow(struct gpt *gpt, size_t index, uint64_t sectors)
{
	struct gpt_partition *partition = &gpt->partitions[index];
	struct gpt wanted = *gpt;
	uint64_t last;

	if (!gpt_is_used(partition) || !(partition->attributes & GPT_GROW) ||
	    sectors <= gpt->backup)
		return false;
	for (size_t i = 0; i < GPT_PARTITIONS; i++)
		if (gpt_is_used(&gpt->partitions[i]) && gpt->partitions[i].last > partition->last)
			return false;
	gpt_fit(&wanted, sectors);
	last = (wanted.last_usable + 1) / GPT_ALIGNMENT * GPT_ALIGNMENT - 1;
	if (last < partition->last + GPT_ALIGNMENT)
		return false;
	gpt_fit(gpt, sectors);
	partition->last = last;
	return true;
}
