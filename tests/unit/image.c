/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image.c - images written, read back, cut, damaged; archives made by others; the output file
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "init/lib/file.h"
#include "mkinitrd/compress.h"
#include "mkinitrd/cpio.h"
#include "mkinitrd/output.h"
#include "scratch.h"

/* a directory of its own, which is the working directory of each test */
static char work[] = "/tmp/mkinitrd-unit-image-XXXXXX";

static int work_make(void **state UNUSED)
{
	return mkdtemp(work) && chdir(work) == 0 ? 0 : -1;
}

static size_t work_count(bool remove)
{
	CLEANUP(directory_close) DIR *directory = opendir(work);
	const struct dirent *item;
	size_t count = 0;

	while ((item = readdir(directory)) != NULL) {
		if (text_equal(item->d_name, ".") || text_equal(item->d_name, ".."))
			continue;
		count++;
		if (remove)
			(void)unlinkat(dirfd(directory), item->d_name, 0);
	}
	return count;
}

static int work_empty(void **state UNUSED)
{
	(void)work_count(true);
	return 0;
}

static int work_remove(void **state UNUSED)
{
	return chdir("/") == 0 && rmdir(work) == 0 ? 0 : -1;
}

static void add(struct manifest *manifest, const char *path, enum entry_type type,
		const char *content, int directory_fd)
{
	CLEANUP(memory_free) char *source = strdup(content);
	struct addition addition = {
		.path = path,
		.type = type,
		.mode = type == ENTRY_DIRECTORY ? 01777 : 04755,
		.uid = 3,
		.gid = 4,
		.source = { .directory_fd = directory_fd, .path = source },
		.relation = "file",
		.at = { "test.yaml", 1, 1 },
	};

	if (type == ENTRY_SYMLINK) {
		addition.target = content;
	} else if (type == ENTRY_FILE && directory_fd >= 0) {
		addition.source.kind = SOURCE_ROOT;
	} else if (type == ENTRY_FILE) {
		addition.source.kind = SOURCE_CONTENT;
		addition.source.bytes = strdup(content);
		addition.source.byte_count = strlen(content);
	}
	assert_int_equal(manifest_add(manifest, &addition, NULL), 1);
}

static struct manifest *sample(void)
{
	struct manifest *manifest = manifest_new();

	add(manifest, "usr/bin/hello", ENTRY_FILE, "hello, world\n", -1);
	add(manifest, "usr/empty", ENTRY_FILE, "", -1);
	add(manifest, "bin", ENTRY_SYMLINK, "usr/bin", -1);
	add(manifest, "tmp", ENTRY_DIRECTORY, "", -1);
	assert_int_equal(manifest_finish(manifest, NULL, NULL), 0);
	return manifest;
}

static struct image_options options_of(const char *compression)
{
	struct image_options options = {
		.jobs = 2,
		.mtime = 1700000000,
		.release = "6.1",
		.profile = "test",
	};

	assert_int_equal(compression_parse(compression, &options.compression, &options.level), 0);
	return options;
}

static void read_file(const char *path, struct text *text)
{
	assert_int_equal(file_read(AT_FDCWD, path, SIZE_MAX / 2, text), 0);
}

/* a foreign tree: hard links around init, which comes before them in the image; devices, a fifo */
static void hard_links_and_devices_read_back(void **state UNUSED)
{
	static const struct {
		const char *path;
		mode_t mode;
		uint32_t nlink, special_minor;
		uint64_t size;
	} rows[] = {
		{ "init", S_IFREG | 04755, 3, 0, 0 },       { "dev", S_IFDIR | 0755, 2, 0, 0 },
		{ "dev/console", S_IFCHR | 0600, 1, 1, 0 }, { "dev/sda", S_IFBLK | 0600, 1, 9, 0 },
		{ "etc", S_IFREG | 04755, 3, 0, 0 },        { "fifo", S_IFIFO | 0600, 1, 0, 0 },
		{ "zlast", S_IFREG | 04755, 3, 0, 6 },
	};
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	CLEANUP(manifest_cleanup) struct manifest *found = NULL;
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	CLEANUP(memory_free) char *release = NULL;
	CLEANUP(fd_close) int directory_fd = open(work, O_RDONLY | O_DIRECTORY);
	struct image_options options = options_of("zstd:1");
	char label[] = "base:x", stored[] = "stored";
	struct image_result result;
	struct image_entry entry;
	uint64_t inode = 0;

	assert_int_equal(file_write(directory_fd, stored, "linked", 0600), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct addition addition = {
			.path = rows[i].path,
			.type = S_ISREG(rows[i].mode)   ? ENTRY_FILE
				: S_ISDIR(rows[i].mode) ? ENTRY_DIRECTORY
				: S_ISCHR(rows[i].mode) ? ENTRY_CHARACTER
				: S_ISBLK(rows[i].mode) ? ENTRY_BLOCK
							: ENTRY_FIFO,
			.mode = rows[i].mode & 07777,
			.device_minor = rows[i].special_minor,
			.link_group = rows[i].nlink == 3 ? 1 : 0,
			.is_tree = true,
			.source = { .directory_fd = directory_fd },
			.relation = "tree 'base'",
		};

		if (addition.type == ENTRY_FILE) {
			addition.source.kind = SOURCE_TREE;
			addition.source.path = label;
			addition.source.stored = stored;
		}
		assert_int_equal(manifest_add(manifest, &addition, NULL), 1);
	}
	assert_int_equal(manifest_finish(manifest, NULL, NULL), 0);
	assert_int_equal(image_publish(manifest, "a.img", &options, &result), 0);
	assert_int_equal(result.content, 6);
	assert_int_equal(image_open("a.img", &reader), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		do
			assert_int_equal(image_next(reader, &entry), 1);
		while (text_after(entry.path, "usr"));
		print_message("row: %s\n", rows[i].path);
		assert_string_equal(entry.path, rows[i].path);
		assert_int_equal(entry.mode, rows[i].mode);
		assert_int_equal(entry.nlink, rows[i].nlink);
		assert_int_equal(entry.special_minor, rows[i].special_minor);
		assert_int_equal(entry.size, rows[i].size);
		if (rows[i].nlink == 3 && inode)
			assert_int_equal(entry.inode, inode);
		inode = rows[i].nlink == 3 ? entry.inode : inode;
	}
	assert_int_equal(image_read_manifest("a.img", &found, &release, NULL), 0);
	assert_int_equal(manifest_find(found, "init")->size, 6);
	assert_string_equal(manifest_find(found, "zlast")->link->path, "etc");
	assert_memory_equal(manifest_find(found, "init")->sha256,
			    manifest_find(found, "etc")->sha256, SHA256_SIZE);
	assert_true(manifest_find(found, "init")->is_hashed);
}

static const char *const compressions[] = { "none", "zstd:3", "gzip:9", "xz:0", "lz4:1" };
#define CUT 3 /* these alone are cut and damaged: the way from a byte to an error is the same */

static void an_image_reads_back_as_written(void **state UNUSED)
{
	/* the way to the boot plan first */
	static const char *const paths[] = { "usr",           "usr/lib",   "usr/lib/mkinitrd",
					     "bin",           "tmp",       "usr/bin",
					     "usr/bin/hello", "usr/empty", MANIFEST_PATH,
					     COMPLETE_PATH };

	for (size_t i = 0; i < COUNT_OF(compressions); i++) {
		CLEANUP(manifest_cleanup) struct manifest *manifest = sample();
		CLEANUP(manifest_cleanup) struct manifest *found = NULL;
		CLEANUP(image_cleanup) struct image_reader *reader = NULL;
		CLEANUP(memory_free) char *release = NULL;
		struct image_options options = options_of(compressions[i]);
		struct image_result result;
		struct image_entry entry;
		char bytes[64];

		print_message("row: %s\n", compressions[i]);
		assert_int_equal(image_publish(manifest, "a.img", &options, &result), 0);
		assert_int_equal(result.files, COUNT_OF(paths));
		assert_int_equal(result.content, 13);
		assert_int_equal(result.bytes_in % 512, 0);
		assert_int_equal(work_count(false), 1);
		assert_int_equal(image_open("a.img", &reader), 0);
		for (size_t j = 0; j < COUNT_OF(paths); j++) {
			assert_int_equal(image_next(reader, &entry), 1);
			assert_string_equal(entry.path, paths[j]);
			assert_int_equal(entry.mtime, 1700000000);
			assert_int_equal(entry.inode, j + 1);
			if (j == 3)
				assert_string_equal(entry.target, "usr/bin");
			if (j == 4)
				assert_int_equal(entry.mode, S_IFDIR | 01777);
			if (j != 6)
				continue;
			assert_int_equal(entry.mode, S_IFREG | 04755);
			assert_true(entry.uid == 3 && entry.gid == 4);
			assert_int_equal(image_read(reader, bytes, sizeof(bytes)), 13);
			assert_memory_equal(bytes, "hello, world\n", 13);
			assert_int_equal(image_read(reader, bytes, sizeof(bytes)), 0);
		}
		assert_int_equal(image_next(reader, &entry), 0);
		assert_int_equal(image_read_manifest("a.img", &found, &release, NULL), 0);
		assert_string_equal(release, "6.1");
		assert_int_equal(manifest_find(found, "usr/bin/hello")->size, 13);
	}
}

static const struct {
	const char *path;
	unsigned segment;
	enum compression compression;
} ordered[] = {
	{ "kernel", 0, COMPRESS_NONE },
	{ "kernel/x86", 0, COMPRESS_NONE },
	{ "kernel/x86/microcode", 0, COMPRESS_NONE },
	{ "kernel/x86/microcode/AuthenticAMD.bin", 0, COMPRESS_NONE },
	{ "kernel/x86/microcode/GenuineIntel.bin", 0, COMPRESS_NONE },
	{ "init", 1, COMPRESS_GZIP },
	{ "usr", 1, COMPRESS_GZIP },
	{ "usr/lib", 1, COMPRESS_GZIP },
	{ "usr/lib/mkinitrd", 1, COMPRESS_GZIP },
	{ "usr/lib/mkinitrd/boot.plan", 1, COMPRESS_GZIP },
	{ "bin", 1, COMPRESS_GZIP },
	{ "tmp", 1, COMPRESS_GZIP },
	{ "usr/bin", 1, COMPRESS_GZIP },
	{ "usr/bin/hello", 1, COMPRESS_GZIP },
	{ "usr/empty", 1, COMPRESS_GZIP },
	{ MANIFEST_PATH, 1, COMPRESS_GZIP },
	{ COMPLETE_PATH, 1, COMPRESS_GZIP },
};

static void early_entries_and_the_plan_come_first(void **state UNUSED)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = sample();
	CLEANUP(manifest_cleanup) struct manifest *found = NULL;
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	struct image_options options = options_of("gzip:9");
	struct image_result result;
	struct image_entry entry;

	add(manifest, "kernel/x86/microcode/GenuineIntel.bin", ENTRY_FILE, "microcode", -1);
	add(manifest, "kernel/x86/microcode/AuthenticAMD.bin", ENTRY_FILE, "microcodes", -1);
	manifest_find(manifest, "kernel/x86/microcode/GenuineIntel.bin")->is_early = true;
	manifest_find(manifest, "kernel/x86/microcode/AuthenticAMD.bin")->is_early = true;
	add(manifest, "usr/lib/mkinitrd/boot.plan", ENTRY_FILE, "mkinitrd-plan 1\n", -1);
	add(manifest, "init", ENTRY_FILE, "init", -1);
	assert_int_equal(manifest_finish(manifest, NULL, NULL), 0);
	assert_int_equal(image_publish(manifest, "a.img", &options, &result), 0);
	assert_int_equal(result.files, COUNT_OF(ordered));
	assert_int_equal(result.bytes_in % 512, 0);
	assert_int_equal(image_open("a.img", &reader), 0);
	for (size_t i = 0; i < COUNT_OF(ordered); i++) {
		assert_int_equal(image_next(reader, &entry), 1);
		assert_string_equal(entry.path, ordered[i].path);
		assert_int_equal(entry.segment, ordered[i].segment);
		assert_int_equal(entry.compression, ordered[i].compression);
		if (S_ISREG(entry.mode) && entry.segment == 0)
			assert_int_equal(entry.offset % 16, 0);
	}
	assert_int_equal(image_next(reader, &entry), 0);
	assert_int_equal(image_read_manifest("a.img", &found, NULL, NULL), 0);
	for (size_t i = 0; i + 2 < COUNT_OF(ordered); i++)
		assert_int_equal(manifest_find(found, ordered[i].path)->is_early,
				 ordered[i].segment == 0);
}

static void a_directory_that_others_need_too_is_not_early(void **state UNUSED)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();

	add(manifest, "kernel/a/early", ENTRY_FILE, "", -1);
	manifest_find(manifest, "kernel/a/early")->is_early = true;
	add(manifest, "kernel/usual", ENTRY_FILE, "", -1);
	assert_int_equal(manifest_finish(manifest, NULL, NULL), 0);
	assert_true(manifest_find(manifest, "kernel/a")->is_early);
	assert_false(manifest_find(manifest, "kernel")->is_early);
}

/* bytes that compress a little, from a file of several pieces */
static void make_noise(const char *path, size_t size)
{
	CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CLEANUP(memory_free) unsigned char *bytes = malloc(size);
	uint32_t number = 1;

	for (size_t i = 0; i < size; i++) {
		number = number * 1664525 + 1013904223;
		bytes[i] = (unsigned char)(number >> 28);
	}
	assert_int_equal(file_write_fd(fd, bytes, size), 0);
}

static void the_bytes_do_not_depend_on_jobs(void **state UNUSED)
{
	CLEANUP(fd_close) int root_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	make_noise("noise", 12000001);
	for (size_t i = 1; i < CUT; i++) {
		CLEANUP(text_free) struct text first = TEXT_EMPTY;

		for (unsigned jobs = 0; jobs <= 5; jobs += 5) {
			CLEANUP(manifest_cleanup) struct manifest *manifest = sample();
			CLEANUP(text_free) struct text bytes = TEXT_EMPTY;
			struct image_options options = options_of(compressions[i]);
			struct image_result result;

			options.jobs = jobs;
			add(manifest, "noise", ENTRY_FILE, "/noise", root_fd);
			assert_int_equal(manifest_finish(manifest, NULL, NULL), 0);
			assert_int_equal(image_publish(manifest, "a.img", &options, &result), 0);
			read_file("a.img", &bytes);
			assert_int_equal(bytes.length, result.bytes_out);
			if (jobs)
				assert_true(bytes.length == first.length &&
					    memcmp(bytes.data, first.data, first.length) == 0);
			else
				text_add_bytes(&first, bytes.data, bytes.length);
		}
	}
}

static int verify_bytes(const struct manifest *manifest, const void *bytes, size_t count,
			const struct image_options *options)
{
	CLEANUP(fd_close) int fd = open("b.img", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(count ? file_write_fd(fd, bytes, count) : 0, 0);
	return image_verify(manifest, fd, "b.img", options);
}

static void a_cut_or_damaged_image_is_an_error(void **state UNUSED)
{
	for (size_t i = 0; i < CUT; i++) {
		CLEANUP(manifest_cleanup) struct manifest *manifest = sample();
		CLEANUP(text_free) struct text bytes = TEXT_EMPTY;
		struct image_options options = options_of(compressions[i]);
		struct image_result result;
		size_t end, unseen = 0, good_cuts = 0;
		int saved;

		print_message("row: %s\n", compressions[i]);
		assert_int_equal(image_publish(manifest, "a.img", &options, &result), 0);
		read_file("a.img", &bytes);
		assert_int_equal(verify_bytes(manifest, bytes.data, bytes.length, &options), 0);
		end = bytes.length;
		while (i == 0 && bytes.data[end - 1] == '\0')
			end--; /* what is lost of the zeros at the end is no loss */
		saved = silence();
		for (size_t length = 0; length < end; length++)
			good_cuts += verify_bytes(manifest, bytes.data, length, &options) == 0;
		for (size_t place = 0; place < end; place++) {
			bytes.data[place] ^= 1;
			unseen += verify_bytes(manifest, bytes.data, bytes.length, &options) == 0;
			bytes.data[place] ^= 1;
		}
		speak_again(saved);
		assert_int_equal(good_cuts, 0);
		/* headers have numbers that mean nothing for files: devices and the check sum */
		print_message("%zu of %zu changed bytes without effect\n", unseen, end);
		assert_true(unseen < (i == 0 ? (result.files + 1) * 5 * 8 + 600 : 16));
	}
}

/* ---- archives made by others ---- */

static void record(struct text *text, const char *name, uint32_t name_size, uint32_t mode,
		   const char *content, uint32_t size)
{
	struct cpio_header header = { .mode = mode, .size = size, .name_size = name_size };
	char characters[CPIO_HEADER_SIZE];
	static const char zeros[4];

	cpio_format(&header, characters);
	text_add_bytes(text, characters, sizeof(characters));
	text_add_bytes(text, name, name_size < 300 ? name_size : strlen(name) + 1);
	text_add_bytes(text, zeros, cpio_padding(CPIO_HEADER_SIZE + (uint64_t)name_size));
	text_add_bytes(text, content, strlen(content));
	text_add_bytes(text, zeros, cpio_padding(strlen(content)));
}

static const struct {
	const char *name;
	uint32_t name_size; /* 0: strlen + 1 */
	uint32_t mode;
	const char *content;
	uint32_t size;    /* 0: strlen of content */
	const char *path; /* NULL: an error */
} foreign[] = {
	{ "x", 0, 0100644, "abc", 0, "x" },
	{ "./x", 0, 0100644, "", 0, "x" },
	{ "/x//y/./z/", 0, 0100644, "", 0, "x/y/z" },
	{ ".", 0, 040755, "", 0, "." },
	{ "/", 0, 040755, "", 0, "." },
	{ "..x", 0, 0100644, "", 0, "..x" },
	{ "../x", 0, 0100644, "", 0, NULL },
	{ "a/..", 0, 0100644, "", 0, NULL },
	{ "x\0\0\0", 4, 0100644, "", 0, "x" }, /* aligned by zeros, as some writers do */
	{ "x\0y", 4, 0100644, "", 0, NULL },
	{ "xy", 2, 0100644, "", 0, NULL }, /* no NUL at all */
	{ "", 1, 0100644, "", 0, NULL },
	{ "x", 4097, 0100644, "", 0, NULL },
	{ "x", UINT32_MAX, 0100644, "", 0, NULL },
	{ "x", 0, 0100644, "abc", UINT32_MAX, NULL }, /* content cut off */
	{ "l", 0, 0120777, "target", 0, "l" },
	{ "l", 0, 0120777, "", 0, NULL },
	{ "l", 0, 0120777, "abc", 5000, NULL },
	{ "l", 0, 0120777, "abc", 4, NULL }, /* a NUL inside */
	{ "fifo", 0, 010644, "", 0, "fifo" },
};

/* reads to the end. Return: entries, or the error */
static int count_entries(const char *path, struct text *last_path)
{
	CLEANUP(image_cleanup) struct image_reader *reader = NULL;
	struct image_entry entry;
	int count = 0, r = image_open(path, &reader);

	while (r == 0 && (r = image_next(reader, &entry)) == 1) {
		r = 0;
		count++;
		text_clear(last_path);
		text_format(last_path, "%u:%s", entry.segment, entry.path);
	}
	if (r < 0) { /* the failure stays, and is told once */
		assert_true(!reader || image_next(reader, &entry) == r);
		return r;
	}
	return count;
}

static void write_bytes(const char *path, const struct text *text)
{
	CLEANUP(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(file_write_fd(fd, text->data, text->length), 0);
}

static void archives_of_others_are_read_with_care(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(foreign); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		CLEANUP(text_free) struct text last = TEXT_EMPTY;
		CLEANUP(text_free) struct text expected = TEXT_EMPTY;
		int count;

		print_message("row: %s\n", foreign[i].name);
		record(&text, foreign[i].name,
		       foreign[i].name_size ? foreign[i].name_size
					    : (uint32_t)strlen(foreign[i].name) + 1,
		       foreign[i].mode, foreign[i].content,
		       foreign[i].size ? foreign[i].size : (uint32_t)strlen(foreign[i].content));
		record(&text, CPIO_TRAILER, sizeof(CPIO_TRAILER), 0, "", 0);
		write_bytes("f.img", &text);
		count = count_entries("f.img", &last);
		if (foreign[i].path) {
			text_format(&expected, "0:%s", foreign[i].path);
			assert_int_equal(count, 1);
			assert_string_equal(text_string(&last), text_string(&expected));
		} else {
			assert_true(count < 0);
		}
	}
}

static int append(void *context, const void *bytes, size_t count)
{
	text_add_bytes(context, bytes, count);
	return 0;
}

static void compress_into(struct text *text, enum compression compression, const struct text *from)
{
	CLEANUP(sink_cleanup) struct sink *sink = NULL;

	assert_int_equal(sink_open(compression, compression ? 1 : 0, 1, append, text, &sink), 0);
	assert_int_equal(sink_add(sink, from->data, from->length), 0);
	assert_int_equal(sink_finish(sink), 0);
}

static void packed_bytes_do_not_depend_on_jobs(void **state UNUSED)
{
	static const char *const rows[] = { "zstd:1", "gzip:1", "xz:0", "lz4:1" };
	CLEANUP(text_free) struct text noise = TEXT_EMPTY;

	make_noise("noise", 18000001); /* more than a block of each */
	read_file("noise", &noise);
	memset(noise.data + 1000000, 0, 16000000); /* which is quick to pack */
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct text packed[2] = { TEXT_EMPTY };
		struct image_options options = options_of(rows[i]);

		print_message("row: %s\n", rows[i]);
		for (unsigned j = 0; j < 2; j++) {
			CLEANUP(sink_cleanup) struct sink *sink = NULL;

			assert_int_equal(sink_open(options.compression, options.level, 1 + 2 * j,
						   append, &packed[j], &sink),
					 0);
			assert_int_equal(sink_add(sink, noise.data, 12345), 0);
			assert_int_equal(sink_add(sink, noise.data + 12345, noise.length - 12345),
					 0);
			assert_int_equal(sink_finish(sink), 0);
		}
		assert_int_equal(packed[0].length, packed[1].length);
		assert_memory_equal(packed[0].data, packed[1].data, packed[0].length);
		text_free(&packed[0]);
		text_free(&packed[1]);
	}
}

static void segments_follow_each_other(void **state UNUSED)
{
	CLEANUP(text_free) struct text archive = TEXT_EMPTY;
	CLEANUP(text_free) struct text two = TEXT_EMPTY;
	CLEANUP(text_free) struct text image = TEXT_EMPTY;
	CLEANUP(text_free) struct text last = TEXT_EMPTY;
	static const char zeros[600];

	record(&archive, "x", 2, 0100644, "abc", 3);
	record(&archive, CPIO_TRAILER, sizeof(CPIO_TRAILER), 0, "", 0);
	text_add_bytes(&image, archive.data, archive.length);
	text_add_bytes(&image, zeros, sizeof(zeros));
	compress_into(&image, COMPRESS_GZIP, &archive);
	compress_into(&image, COMPRESS_GZIP, &archive); /* a second member of the same stream */
	text_add_bytes(&image, zeros, 3);
	text_add_bytes(&two, archive.data, archive.length);
	text_add_bytes(&two, zeros, sizeof(zeros));
	text_add_bytes(&two, archive.data, archive.length);
	compress_into(&image, COMPRESS_ZSTD, &two);
	compress_into(&image, COMPRESS_ZSTD, &two);
	compress_into(&image, COMPRESS_NONE, &two);
	write_bytes("f.img", &image);
	assert_int_equal(count_entries("f.img", &last), 1 + 2 + 4 + 2);
	assert_string_equal(text_string(&last), "8:x");
}

static const struct {
	const char *bytes;
	size_t count;
} refused[] = {
	{ "", 0 },
	{ "\0\0\0\0\0garbage", 12 },
	{ "070701", 6 },
	{ "\xfd"
	  "7zXZ\0\0\0",
	  8 },
	{ "BZh91AY&SY", 10 },
	{ "\x5d\0\0\0\x04\xff", 6 },
	{ "\x89LZO\0\r\n", 7 },
	{ "\x02\x21\x4c\x18", 4 },
	{ "\x28\xb5\x2f\xfd", 4 },
	{ "\x1f\x8b\x08", 3 },
};

static void what_is_no_image_is_refused(void **state UNUSED)
{
	CLEANUP(text_free) struct text last = TEXT_EMPTY;

	for (size_t i = 0; i < COUNT_OF(refused); i++) {
		CLEANUP(fd_close)
		int fd = open("f.img", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		print_message("row: %zu\n", i);
		assert_int_equal(write(fd, refused[i].bytes, refused[i].count),
				 (ssize_t)refused[i].count);
		assert_true(count_entries("f.img", &last) < 0);
	}
	assert_true(count_entries(".", &last) < 0);
	assert_true(count_entries("/dev/null", &last) < 0);
	assert_true(count_entries("absent", &last) < 0);
}

/* ---- what goes wrong while writing ---- */

static atomic_bool is_done;

/* touches a file until it is told to stop */
static void *keep_changing(void *context)
{
	CLEANUP(fd_close) int fd = open(context, O_WRONLY | O_CLOEXEC);

	while (!atomic_load(&is_done) && pwrite(fd, "x", 1, 0) == 1)
		;
	return NULL;
}

static void a_source_that_changes_is_an_error(void **state UNUSED)
{
	CLEANUP(fd_close) int root_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(manifest_cleanup) struct manifest *manifest = sample();
	struct image_options options = options_of("zstd:1");
	struct image_result result;
	char name[] = "moving";
	pthread_t thread;

	make_noise(name, 1);
	assert_int_equal(truncate(name, 200 << 20), 0); /* long enough for the clock to tick */
	add(manifest, name, ENTRY_FILE, "/moving", root_fd);
	assert_int_equal(manifest_finish(manifest, NULL, NULL), 0);
	atomic_store(&is_done, false);
	assert_int_equal(pthread_create(&thread, NULL, keep_changing, name), 0);
	assert_int_equal(image_publish(manifest, "a.img", &options, &result), -ESTALE);
	atomic_store(&is_done, true);
	(void)pthread_join(thread, NULL);
	assert_int_equal(work_count(false), 1); /* the source alone */
}

static const struct {
	const char *name;
	const char *path;
	rlim_t file_size; /* 0: unlimited */
	uint64_t limit;
	int result; /* 0: any failure */
} failures[] = {
	{ "a directory", ".", 0, 0, 0 },
	{ "a directory's name", "a.img/", 0, 0, 0 },
	{ "a device", "/dev/null", 0, 0, 0 },
	{ "no directory", "absent/a.img", 0, 0, -ENOENT },
	{ "ulimit -f", "a.img", 1000, 0, -EFBIG },
	{ "over the profile's limit", "a.img", 0, 1000, -EFBIG },
};

static void after_a_failure_the_old_image_is_there_and_nothing_else(void **state UNUSED)
{
	assert_int_equal(file_write(AT_FDCWD, "a.img", "old", 0600), 0);
	for (size_t i = 0; i < COUNT_OF(failures); i++) {
		CLEANUP(manifest_cleanup) struct manifest *manifest = sample();
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		struct image_options options = options_of("none");
		struct rlimit before, limit;
		struct image_result result;
		int r;

		print_message("row: %s\n", failures[i].name);
		assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
		limit = before;
		limit.rlim_cur = failures[i].file_size ? failures[i].file_size : before.rlim_cur;
		options.limit = failures[i].limit;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		r = image_publish(manifest, failures[i].path, &options, &result);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
		assert_true(failures[i].result ? r == failures[i].result : r < 0);
		assert_int_equal(work_count(false), 1);
		read_file("a.img", &text);
		assert_string_equal(text_string(&text), "old");
	}
}

static void a_signal_removes_the_temporary_file(void **state UNUSED)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			struct output output = OUTPUT_EMPTY;

			if (output_open(&output, "a.img") == 0 && work_count(false) == 1)
				(void)raise(numbers[i]);
			_exit(1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == numbers[i]);
		assert_int_equal(work_count(false), 0);
	}
}

static const struct {
	const char *text;
	int result, level;
} levels[] = {
	{ "none", 0, 0 },
	{ "zstd", 0, 3 },
	{ "zstd:19", 0, 19 },
	{ "gzip", 0, 6 },
	{ "gzip:1", 0, 1 },
	{ "zstd:0", -EINVAL, 77 },
	{ "zstd:20", -EINVAL, 77 },
	{ "zstd:", -EINVAL, 77 },
	{ "gzip:10", -EINVAL, 77 },
	{ "none:1", -EINVAL, 77 },
	{ "xz", 0, 6 },
	{ "xz:0", 0, 0 },
	{ "xz:10", -EINVAL, 77 },
	{ "lz4", 0, 9 },
	{ "lz4:12", 0, 12 },
	{ "lz4:0", -EINVAL, 77 },
	{ "lz4:13", -EINVAL, 77 },
	{ "zst", -EINVAL, 77 },
	{ "", -EINVAL, 77 },
	{ "zstd:99999999999999999999", -EINVAL, 77 },
};

static void compressions_are_named_with_their_levels(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(levels); i++) {
		enum compression compression;
		int level = 77;

		print_message("row: '%s'\n", levels[i].text);
		assert_int_equal(compression_parse(levels[i].text, &compression, &level),
				 levels[i].result);
		assert_int_equal(level, levels[i].level);
	}
}

int main(void)
{
#define IN_WORK(test) cmocka_unit_test_teardown(test, work_empty)
	const struct CMUnitTest tests[] = {
		IN_WORK(hard_links_and_devices_read_back),
		IN_WORK(an_image_reads_back_as_written),
		IN_WORK(early_entries_and_the_plan_come_first),
		IN_WORK(a_directory_that_others_need_too_is_not_early),
		IN_WORK(the_bytes_do_not_depend_on_jobs),
		IN_WORK(a_cut_or_damaged_image_is_an_error),
		IN_WORK(archives_of_others_are_read_with_care),
		IN_WORK(packed_bytes_do_not_depend_on_jobs),
		IN_WORK(segments_follow_each_other),
		IN_WORK(what_is_no_image_is_refused),
		IN_WORK(a_source_that_changes_is_an_error),
		IN_WORK(after_a_failure_the_old_image_is_there_and_nothing_else),
		IN_WORK(a_signal_removes_the_temporary_file),
		IN_WORK(compressions_are_named_with_their_levels),
	};

	return cmocka_run_group_tests(tests, work_make, work_remove);
}
