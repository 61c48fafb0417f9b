/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gpt.c - the partition table: written, read, grown; and each state that a power cut may leave
 *
 * Facts: sfdisk reads and checks what we write: tests/cli/test_disk.py
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/lib/cleanup.h"
#include "init/lib/gpt.h"

#define SECTORS UINT64_C(16384)
#define LARGER UINT64_C(32768)

static const uint8_t guid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static int make_disk(uint64_t sectors)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(sectors * GPT_SECTOR)), 0);
	return fd;
}

static void add(struct gpt *gpt, size_t index, uint64_t first, uint64_t last, uint64_t attributes)
{
	struct gpt_partition *partition = &gpt->partitions[index];

	memcpy(partition->type, gpt_type_linux, sizeof(partition->type));
	memcpy(partition->guid, guid, sizeof(partition->guid));
	partition->guid[0] = (uint8_t)index;
	partition->first = first;
	partition->last = last;
	partition->attributes = attributes;
	gpt_set_name(partition, index == 0 ? "first" : "DOCKER");
}

static int write_disk(struct gpt *gpt, uint64_t sectors)
{
	int fd = make_disk(sectors);

	gpt_new(gpt, sectors, guid);
	add(gpt, 0, 2048, 4095, 0);
	add(gpt, 2, 4096, 14335, GPT_GROW);
	assert_int_equal(gpt_write(fd, gpt), 0);
	return fd;
}

static void what_is_written_is_read(void **state UNUSED)
{
	struct gpt gpt, read;
	CLEANUP(fd_close) int fd = write_disk(&gpt, SECTORS);

	assert_int_equal(gpt_read(fd, SECTORS, &read), 0);
	assert_memory_equal(&gpt, &read, sizeof(gpt));
	assert_int_equal(read.array, 2);
	assert_int_equal(read.backup, SECTORS - 1);
	assert_true(gpt_name_is(&read.partitions[2], "DOCKER"));
	assert_false(gpt_name_is(&read.partitions[2], "DOCKE"));
	assert_false(gpt_is_used(&read.partitions[1]));
}

/* a byte of it changed: no table, rather than a wrong one */
static void damage_is_seen(void **state UNUSED)
{
	static const struct {
		const char *what;
		off_t at;
		int result;
	} rows[] = {
		{ "signature", 512, -ENODATA },
		{ "revision", 512 + 8, -ENOTSUP },
		{ "size of the header", 512 + 12, -ENOTSUP },
		{ "sum of the header", 512 + 16, -EBADMSG },
		{ "usable sectors", 512 + 40, -EBADMSG },
		{ "number of entries", 512 + 80, -ENOTSUP },
		{ "size of entries", 512 + 84, -ENOTSUP },
		{ "sum of the entries", 512 + 88, -EBADMSG },
		{ "an entry", 1024 + 32, -EBADMSG },
		{ "the last entry", 1024 + 16383, -EBADMSG },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct gpt gpt, read = { .array = 77 };
		CLEANUP(fd_close) int fd = write_disk(&gpt, SECTORS);
		uint8_t byte;

		print_message("row: %s\n", rows[i].what);
		assert_int_equal(pread(fd, &byte, 1, rows[i].at), 1);
		byte ^= 0x10;
		assert_int_equal(pwrite(fd, &byte, 1, rows[i].at), 1);
		assert_int_equal(gpt_read(fd, SECTORS, &read), rows[i].result);
		assert_int_equal(read.array, 77);
	}
}

/* of a larger disk, or cut short */
static void a_smaller_disk_has_no_table(void **state UNUSED)
{
	struct gpt gpt, read;
	CLEANUP(fd_close) int fd = write_disk(&gpt, SECTORS);

	assert_int_equal(gpt_read(fd, SECTORS / 2, &read), -EBADMSG);
	assert_int_equal(ftruncate(fd, 1024), 0);
	assert_true(gpt_read(fd, SECTORS, &read) < 0);
}

static void only_what_is_marked_and_last_grows(void **state UNUSED)
{
	static const struct {
		const char *what;
		size_t index;
		uint64_t sectors, attributes, last;
	} rows[] = {
		{ "larger disk", 2, LARGER, GPT_GROW, LARGER - 2048 - 1 },
		{ "a MiB more is not all usable", 2, SECTORS + 2048, GPT_GROW, 16383 },
		{ "not marked", 2, LARGER, 0, 0 },
		{ "same size", 2, SECTORS, GPT_GROW, 0 },
		{ "a few sectors more", 2, SECTORS + 8, GPT_GROW, 0 },
		{ "smaller disk", 2, SECTORS - 2048, GPT_GROW, 0 },
		{ "not the last one", 0, LARGER, GPT_GROW, 0 },
		{ "no partition", 1, LARGER, GPT_GROW, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct gpt gpt, before;
		CLEANUP(fd_close) int fd = write_disk(&gpt, SECTORS);

		print_message("row: %s\n", rows[i].what);
		assert_true(fd >= 0);
		gpt.partitions[rows[i].index].attributes = rows[i].attributes;
		before = gpt;
		assert_int_equal(gpt_grow(&gpt, rows[i].index, rows[i].sectors), rows[i].last != 0);
		if (rows[i].last) {
			assert_int_equal(gpt.partitions[2].last, rows[i].last);
			assert_int_equal(gpt.backup, rows[i].sectors - 1);
		} else {
			assert_memory_equal(&gpt, &before, sizeof(gpt));
		}
	}
}

static void copy_sector(int from, int to, uint64_t sector)
{
	uint8_t bytes[GPT_SECTOR];
	off_t at = (off_t)(sector * GPT_SECTOR);

	assert_int_equal(pread(from, bytes, sizeof(bytes), at), (ssize_t)sizeof(bytes));
	assert_int_equal(pwrite(to, bytes, sizeof(bytes), at), (ssize_t)sizeof(bytes));
}

/* the primary header alone changes over: with any of the other sectors written, and each of them in
 * part, the old table counts */
static void a_cut_leaves_the_old_table_or_the_new_one(void **state UNUSED)
{
	struct gpt old, new, read;
	CLEANUP(fd_close) int before = write_disk(&old, SECTORS);
	CLEANUP(fd_close) int after = write_disk(&new, SECTORS);

	for (int round = 0; round < 3; round++) {
		uint64_t sectors = SECTORS + (uint64_t)(round + 1) * 4096;
		uint64_t places[] = { sectors - 33, new.array == 2 ? 34 : 2 };

		assert_int_equal(ftruncate(before, (off_t)(sectors * GPT_SECTOR)), 0);
		assert_int_equal(ftruncate(after, (off_t)(sectors * GPT_SECTOR)), 0);
		assert_true(gpt_grow(&new, 2, sectors));
		assert_int_equal(gpt_write(after, &new), 0);
		assert_int_equal(new.array, places[1]);
		for (size_t place = 0; place < COUNT_OF(places); place++)
			for (uint64_t i = 0; i < GPT_ARRAY_SECTORS; i++) {
				copy_sector(after, before, places[place] + i);
				assert_int_equal(gpt_read(before, sectors, &read), 0);
				assert_memory_equal(&read, &old, sizeof(old));
			}
		copy_sector(after, before, sectors - 1);
		assert_int_equal(gpt_read(before, sectors, &read), 0);
		assert_memory_equal(&read, &old, sizeof(old));
		copy_sector(after, before, 1);
		assert_int_equal(gpt_read(before, sectors, &read), 0);
		assert_memory_equal(&read, &new, sizeof(new));
		old = new;
	}
}

static void guids_as_people_write_them(void **state UNUSED)
{
	char text[GPT_GUID_TEXT];

	gpt_guid_format(gpt_type_esp, text);
	assert_string_equal(text, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
	gpt_guid_format(gpt_type_bios_boot, text);
	assert_string_equal(text, "21686148-6449-6e6f-744e-656564454649");
	gpt_guid_format(gpt_type_linux, text);
	assert_string_equal(text, "0fc63daf-8483-4772-8e79-3d69d8477de4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(damage_is_seen),
		cmocka_unit_test(a_smaller_disk_has_no_table),
		cmocka_unit_test(only_what_is_marked_and_last_grows),
		cmocka_unit_test(a_cut_leaves_the_old_table_or_the_new_one),
		cmocka_unit_test(guids_as_people_write_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
