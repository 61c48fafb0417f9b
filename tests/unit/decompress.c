/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decompress.c - whole-file decompression, and .modinfo of plain and compressed modules: what the
 * usual programs packed comes out, what is damaged is refused
 */
#include <setjmp.h>
#include <stdint.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "mkinitrd/decompress.h"
#include "mkinitrd/module_info.h"
#include "tests/fixture/program.h"

#define CONTENT_SIZE ((size_t)300000) /* several of libarchive's blocks */

static char *folder;
static char *content;

static int folder_setup(void **state UNUSED)
{
	folder = folder_make_temporary();
	content = malloc(CONTENT_SIZE);
	for (size_t i = 0; content && i < CONTENT_SIZE; i++)
		content[i] = (char)(i * i / 7);
	return folder && content ? 0 : -1;
}

static int folder_teardown(void **state UNUSED)
{
	folder_remove(folder);
	free(folder);
	free(content);
	return 0;
}

/* a file in the folder, open for reading */
static int file_make(const char *name, const char *bytes, size_t count)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;

	text_format(&path, "%s/%s", folder, name);
	fd = open(text_string(&path), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, bytes, count), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd_take(&fd);
}

/* what "PROGRAM -c" makes of @count bytes of @bytes */
static void pack(const char *program, const char *bytes, size_t count, struct text *packed)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(fd_close) UNUSED int fd = file_make("plain", bytes, count);

	text_format(&path, "%s/plain", folder);
	assert_int_equal(
		program_run((const char *[]){ program, "-q", "-c", text_string(&path), NULL },
			    packed),
		0);
}

static void suffixes(void **state UNUSED)
{
	static const struct {
		const char *path, *suffix;
	} rows[] = {
		{ "a/b.ko.xz", ".xz" }, { "b.ko.zst", ".zst" }, { "b.ko.gz", ".gz" },
		{ "b.ko", NULL },       { "", NULL },           { "b.xz/ko", NULL },
		{ "b.ko.xzz", NULL },   { "xz", NULL },         { "b.ko.bz2", NULL },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *suffix = compressed_suffix(rows[i].path);

		print_message("row: '%s'\n", rows[i].path);
		assert_true(rows[i].suffix ? suffix && text_equal(suffix, rows[i].suffix)
					   : !suffix);
	}
}

static const char *const programs[] = { "xz", "zstd", "gzip" };

static void what_was_packed_comes_out(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(programs); i++) {
		static const size_t sizes[] = { CONTENT_SIZE, 1, 0 };

		for (size_t j = 0; j < COUNT_OF(sizes); j++) {
			CLEANUP(text_free) struct text packed = TEXT_EMPTY;
			CLEANUP(text_free) struct text text = TEXT_EMPTY;
			CLEANUP(fd_close) int fd = -1;

			print_message("row: %s of %zu bytes\n", programs[i], sizes[j]);
			pack(programs[i], content, sizes[j], &packed);
			fd = file_make("packed", packed.data, packed.length);
			text_add(&text, "before");
			assert_int_equal(decompress_fd(fd, sizes[j], &text), 0);
			assert_int_equal(text.length, sizes[j] + 6);
			assert_memory_equal(text.data + 6, content, sizes[j]);
		}
	}
}

static void limits_and_damage(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(programs); i++) {
		CLEANUP(text_free) struct text packed = TEXT_EMPTY;
		const struct {
			const char *what;
			size_t limit, length, flipped;
			int result;
		} rows[] = {
			{ "one byte over the limit", CONTENT_SIZE - 1, SIZE_MAX, 0, -EFBIG },
			{ "a limit of nothing", 0, SIZE_MAX, 0, -EFBIG },
			{ "cut in the middle", CONTENT_SIZE, 2, 0, -EBADMSG },
			{ "a wrong byte", 2 * CONTENT_SIZE, SIZE_MAX, 3, -EBADMSG },
		};

		pack(programs[i], content, CONTENT_SIZE, &packed);
		for (size_t j = 0; j < COUNT_OF(rows); j++) {
			CLEANUP(text_free) struct text text = TEXT_EMPTY;
			CLEANUP(fd_close) int fd = -1;
			size_t length =
				rows[j].length == SIZE_MAX ? packed.length : packed.length / 2;
			size_t flipped = rows[j].flipped ? packed.length / 3 : 0;

			print_message("row: %s, %s\n", programs[i], rows[j].what);
			packed.data[flipped] ^= rows[j].flipped ? 0x55 : 0;
			fd = file_make("packed", packed.data, length);
			assert_int_equal(decompress_fd(fd, rows[j].limit, &text), rows[j].result);
			packed.data[flipped] ^= rows[j].flipped ? 0x55 : 0;
		}
	}
}

static void what_is_not_compressed(void **state UNUSED)
{
	static const struct {
		const char *bytes;
		size_t count;
	} rows[] = { { "plain text", 10 },
		     { "", 0 },
		     { "\x7f"
		       "ELF",
		       4 } };

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		CLEANUP(fd_close) int fd = file_make("packed", rows[i].bytes, rows[i].count);

		assert_int_equal(decompress_fd(fd, 1000, &text), -EBADMSG);
	}
}

/* the fixture has the same kind of module plain and in each format */
static void modinfo(void **state UNUSED)
{
	// clang-format off
	static const struct {
		const char *file, *key, *value;
	} rows[] = {
		{ "drivers/fake/fake_disk.ko",		"firmware", "fake/disk.bin" },
		{ "drivers/fake/fake_disk.ko",		"softdep",  "pre: fake_crc post: fake_late" },
		{ "drivers/virtio/fake_virtio.ko.xz",	"alias",    "virtio:d00000009v*" },
		{ "drivers/virtio/fake_virtio_blk.ko.zst", "firmware", "fake/glob-*.bin" },
		{ "fs/fake_fs.ko.gz",			"alias",    "fs-fakefs" },
	};
	// clang-format on
	const char *argv[] = { FIXTURE_DIRECTORY "/make_modules", folder, "6.0.0-fixture", NULL };
	CLEANUP(text_free) struct text output = TEXT_EMPTY;

	assert_int_equal(program_run(argv, &output), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		CLEANUP(strings_free) struct strings lines = STRINGS_EMPTY;
		CLEANUP(fd_close) int fd = -1;
		bool is_found = false;

		print_message("row: %s, %s\n", rows[i].file, rows[i].key);
		text_format(&path, "%s/lib/modules/6.0.0-fixture/kernel/%s", folder, rows[i].file);
		fd = open(text_string(&path), O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(module_info_read(fd, compressed_suffix(rows[i].file), &lines), 0);
		for (size_t j = 0; j < lines.count; j++) {
			const char *value = module_info_value(lines.items[j], rows[i].key);

			is_found = is_found || (value && text_equal(value, rows[i].value));
			assert_null(module_info_value(lines.items[j], "alia"));
		}
		assert_true(is_found);
	}
}

static void what_is_no_module(void **state UNUSED)
{
	static const char *const rows[] = { "", "text", "\177ELF",
					    "\177ELF\2\1\1 and then nonsense" };

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(strings_free) struct strings lines = STRINGS_EMPTY;
		CLEANUP(text_free) struct text packed = TEXT_EMPTY;
		CLEANUP(fd_close) int plain = file_make("module", rows[i], strlen(rows[i]));
		CLEANUP(fd_close) int compressed = -1;

		assert_int_equal(module_info_read(plain, false, &lines), -ENOEXEC);
		pack("xz", rows[i], strlen(rows[i]), &packed);
		compressed = file_make("module.xz", packed.data, packed.length);
		assert_int_equal(module_info_read(compressed, true, &lines), -ENOEXEC);
		assert_int_equal(lines.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suffixes),          cmocka_unit_test(what_was_packed_comes_out),
		cmocka_unit_test(limits_and_damage), cmocka_unit_test(what_is_not_compressed),
		cmocka_unit_test(modinfo),           cmocka_unit_test(what_is_no_module),
	};

	return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
