/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers.c - a small image, cut at every byte and with every bit flipped, in every compression;
 * numbers that no archive has; very many entries
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "mkinitrd/cpio.h"
#include "mkinitrd/image.h"
#include "tests/fixture/program.h"
#include "scratch.h"

static char *folder;

static int folder_setup(void **state UNUSED)
{
	folder = folder_make_temporary();
	return folder && chdir(folder) == 0 ? 0 : -1;
}

static int folder_teardown(void **state UNUSED)
{
	int r = chdir("/");

	folder_remove(folder);
	free(folder);
	return r;
}

static void add_record(struct text *text, const struct cpio_header *header, const char *name,
		       const char *content)
{
	static const char zeros[4];
	char characters[CPIO_HEADER_SIZE];

	cpio_format(header, characters);
	text_add_bytes(text, characters, sizeof(characters));
	text_add_bytes(text, name, strlen(name) + 1);
	text_add_bytes(text, zeros, cpio_padding(CPIO_HEADER_SIZE + strlen(name) + 1));
	text_add_bytes(text, content, strlen(content));
	text_add_bytes(text, zeros, cpio_padding(strlen(content)));
}

static void add(struct text *text, const char *name, uint32_t mode, const char *content)
{
	struct cpio_header header = {
		.mode = mode,
		.nlink = 1,
		.size = (uint32_t)strlen(content),
		.name_size = (uint32_t)strlen(name) + 1,
	};

	add_record(text, &header, name, content);
}

static void add_sample(struct text *text)
{
	add(text, "usr", S_IFDIR | 0755, "");
	add(text, "usr/file", S_IFREG | 0644, "some content");
	add(text, "link", S_IFLNK | 0777, "usr/file");
	add(text, "null", S_IFCHR | 0666, "");
	add(text, CPIO_TRAILER, 0, "");
}

static int make_image(const char *name, const void *bytes, size_t count)
{
	CLEANUP(fd_close) int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(count ? file_write_fd(fd, bytes, count) : 0, 0);
	return fd_take(&fd);
}

/* every entry with its content into @text. Return: entries, or -errno */
static int read_image(const void *bytes, size_t count, struct text *text)
{
	CLEANUP(fd_close) int fd = make_image("a.img", bytes, count);
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	struct image_entry entry;
	const unsigned char *piece;
	ssize_t length;
	int entries = 0, r = image_open_fd(fd, "a.img", &reader);

	while (r == 0 && (r = image_next(reader, &entry)) == 1) {
		text_format(text, "%s %o\n", entry.path, entry.mode);
		while ((length = image_read_piece(reader, &piece)) > 0)
			text_add_bytes(text, piece, (size_t)length);
		r = (int)length;
		entries++;
	}
	return r < 0 ? r : entries;
}

// clang-format off
static const struct {
	const char *name;
	const char *argv[5];
} programs[] = {
	{ "cat",   { "cat", "plain", NULL } },
	{ "gzip",  { "gzip", "-nc", "plain", NULL } },
	{ "bzip2", { "bzip2", "-c", "plain", NULL } },
	{ "xz",    { "xz", "--check=crc32", "-c", "plain", NULL } },
	{ "lzma",  { "xz", "--format=lzma", "-c", "plain", NULL } },
	{ "lz4 -l", { "lz4", "-lqc", "plain", NULL } },
	{ "lz4",   { "lz4", "-qc", "plain", NULL } },
	{ "lzop",  { "lzop", "-c", "plain", NULL } },
	{ "zstd",  { "zstd", "-qc", "plain", NULL } },
};
// clang-format on

/* an uncompressed archive, then the same packed by the program */
static size_t pack(size_t index, struct text *image)
{
	CLEANUP(text_free) struct text plain = TEXT_EMPTY;
	CLEANUP(text_free) struct text packed = TEXT_EMPTY;

	add_sample(&plain);
	(void)close(make_image("plain", plain.data, plain.length));
	assert_int_equal(program_run(programs[index].argv, &packed), 0);
	text_add_bytes(image, plain.data, plain.length);
	text_add_bytes(image, packed.data, packed.length);
	return plain.length;
}

static void cut_at_every_byte(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(programs); i++) {
		CLEANUP(text_free) struct text image = TEXT_EMPTY;
		CLEANUP(text_free) struct text whole = TEXT_EMPTY;
		size_t start = pack(i, &image), good = 0, wrong = 0;
		int saved;

		print_message("row: %s, %zu bytes\n", programs[i].name, image.length);
		assert_int_equal(read_image(image.data, image.length, &whole), 8);
		saved = silence();
		for (size_t length = i ? start : 0; length < image.length; length++) {
			CLEANUP(text_free) struct text seen = TEXT_EMPTY;
			int r = read_image(image.data, length, &seen);

			good += r >= 0;
			/* what was read is the beginning of what is there */
			wrong += seen.length > whole.length ||
				 (seen.length && memcmp(seen.data, whole.data, seen.length) != 0);
		}
		speak_again(saved);
		print_message("%zu cuts give a shorter image\n", good);
		assert_int_equal(wrong, 0);
		/* between records, at the end of archives, and within nothing else */
		assert_true(good <= (i ? 2 : 40));
	}
}

static void every_bit_flipped(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(programs); i++) {
		CLEANUP(text_free) struct text image = TEXT_EMPTY;
		size_t start = pack(i, &image);
		int saved = silence(), most = 0;

		for (size_t bit = i ? start * 8 : 0; bit < (i ? image.length : start) * 8;
		     bit += i ? 11 : 1) {
			CLEANUP(text_free) struct text seen = TEXT_EMPTY;
			int r;

			image.data[bit / 8] = (char)(image.data[bit / 8] ^ 1 << bit % 8);
			r = read_image(image.data, image.length, &seen);
			image.data[bit / 8] = (char)(image.data[bit / 8] ^ 1 << bit % 8);
			most = r > most ? r : most;
		}
		speak_again(saved);
		print_message("row: %s, at most %d entries\n", programs[i].name, most);
		assert_true(most <= 9);
	}
}

static void numbers_that_no_archive_has(void **state UNUSED)
{
	// clang-format off
	static const struct {
		uint32_t name_size, size, mode;
		bool is_good;
	} rows[] = {
		{ 2,          0,          S_IFREG, true },
		{ 0,          0,          S_IFREG, false },
		{ 1,          0,          S_IFREG, false },
		{ 4096,       0,          S_IFREG, false }, /* more than there is */
		{ 4097,       0,          S_IFREG, false },
		{ UINT32_MAX, 0,          S_IFREG, false },
		{ 2,          UINT32_MAX, S_IFREG, false },
		{ 2,          UINT32_MAX, S_IFLNK, false },
		{ 2,          UINT32_MAX, S_IFDIR, false },
		{ UINT32_MAX, UINT32_MAX, UINT32_MAX, false },
	};
	// clang-format on

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		CLEANUP(text_free) struct text seen = TEXT_EMPTY;
		struct cpio_header header = {
			.mode = rows[i].mode,
			.size = rows[i].size,
			.name_size = rows[i].name_size,
		};
		int r;

		add_record(&text, &header, "x", "");
		add(&text, CPIO_TRAILER, 0, "");
		r = read_image(text.data, text.length, &seen);
		print_message("row: %zu: %d\n", i, r);
		assert_int_equal(r >= 0, rows[i].is_good);
	}
}

static void a_million_entries(void **state UNUSED)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	struct image_entry entry;
	struct rusage before, after;
	int entries = 0, r;
	char name[32];

	for (unsigned i = 0; i < 1000000; i++) {
		(void)snprintf(name, sizeof(name), "no/parent/%u", i);
		add(&text, name, S_IFREG | 0644, "");
	}
	add(&text, CPIO_TRAILER, 0, "");
	(void)close(make_image("a.img", text.data, text.length));
	text_free(&text);
	(void)getrusage(RUSAGE_SELF, &before);
	assert_int_equal(image_open("a.img", &reader), 0);
	while ((r = image_next(reader, &entry)) == 1)
		entries++;
	(void)getrusage(RUSAGE_SELF, &after);
	assert_int_equal(r, 0);
	assert_int_equal(entries, 1000000);
	print_message("%ld KB more\n", after.ru_maxrss - before.ru_maxrss);
	assert_true(after.ru_maxrss - before.ru_maxrss < 8192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(every_bit_flipped),
		cmocka_unit_test(numbers_that_no_archive_has),
		cmocka_unit_test(a_million_entries),
	};

	return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
