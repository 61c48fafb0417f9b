/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_archive.c - archives for "docker load": made, and read by libarchive and by ourselves
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <archive.h>
#include <archive_entry.h>

#include "init/lib/file.h"
#include "mkinitrd/container_archive.h"
#include "scratch.h"

/* the start of an ELF file for 64-bit ARM, little endian */
static const char arm_program[] = "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\267\0the rest";

static void add(struct manifest *manifest, const struct addition *addition, const void *bytes,
		size_t count)
{
	struct addition copy = *addition;

	copy.relation = "test";
	if (copy.type == ENTRY_FILE) {
		copy.source.kind = SOURCE_CONTENT;
		copy.source.path = "test content";
		copy.source.bytes = malloc(count + 1);
		assert_non_null(copy.source.bytes);
		memcpy(copy.source.bytes, bytes, count);
		copy.source.byte_count = count;
	}
	assert_int_equal(manifest_add(manifest, &copy, NULL), 1);
}

static struct manifest *manifest_make(void)
{
	struct manifest *manifest = manifest_new();

	assert_non_null(manifest);
	add(manifest, &(struct addition){ .path = "tmp", .type = ENTRY_DIRECTORY, .mode = 01777 },
	    NULL, 0);
	add(manifest, &(struct addition){ .path = "usr/bin/tool", .mode = 04755, .uid = 1000 },
	    arm_program, sizeof(arm_program));
	add(manifest,
	    &(struct addition){
		    .path = "bin", .type = ENTRY_SYMLINK, .mode = 0777, .target = "usr/bin" },
	    NULL, 0);
	add(manifest, &(struct addition){ .path = "etc/empty", .mode = 0600 }, "", 0);
	assert_int_equal(manifest_finish(manifest, NULL, NULL), 0);
	return manifest;
}

static void config_make(struct container_config *config)
{
	assert_int_equal(strings_add(&config->command, "sh"), 0);
	assert_int_equal(strings_add(&config->command, "-c \"x\""), 0);
	assert_int_equal(strings_add(&config->env, "PATH=/bin"), 0);
	config->workdir = strdup("/tmp");
}

static int memory_file(const struct text *bytes)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text_string(bytes), bytes->length), 0);
	return fd;
}

/* the names in a tar, each with what a test looks at; and the content of @wanted */
static void tar_list(const struct text *tar, const char *wanted, struct text *list,
		     struct text *content)
{
	struct archive *archive = archive_read_new();
	struct archive_entry *entry;

	assert_int_equal(archive_read_support_format_tar(archive), ARCHIVE_OK);
	assert_int_equal(archive_read_open_memory(archive, text_string(tar), tar->length),
			 ARCHIVE_OK);
	while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
		const char *path = archive_entry_pathname(entry);
		const char *target = archive_entry_symlink(entry);
		char buffer[256];
		la_ssize_t count;

		text_format(list, "%s %o %d:%d %d %d%s%s\n", path,
			    (unsigned)archive_entry_mode(entry), (int)archive_entry_uid(entry),
			    (int)archive_entry_gid(entry), (int)archive_entry_mtime(entry),
			    (int)archive_entry_size(entry), target ? " " : "",
			    target ? target : "");
		if (!wanted || !text_ends_with(path, wanted))
			continue;
		while ((count = archive_read_data(archive, buffer, sizeof(buffer))) > 0)
			text_add_bytes(content, buffer, (size_t)count);
		assert_int_equal(count, 0);
	}
	assert_int_equal(archive_read_free(archive), ARCHIVE_OK);
}

static void archive_make(struct text *archive, char **ret_id)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_make();
	CLEANUP(container_config_free) struct container_config config = { .time = 86400 };

	config_make(&config);
	assert_int_equal(container_archive_make(manifest, "a/b:1", &config, archive, ret_id), 0);
}

static void same_input_same_bytes(void **state)
{
	CLEANUP(text_free) struct text first = TEXT_EMPTY, second = TEXT_EMPTY;
	CLEANUP(memory_free) char *first_id = NULL, *second_id = NULL;

	(void)state;
	archive_make(&first, &first_id);
	archive_make(&second, &second_id);
	assert_string_equal(first_id, second_id);
	assert_int_equal(first.length, second.length);
	assert_memory_equal(first.data, second.data, first.length);
}

static void content_is_as_promised(void **state)
{
	CLEANUP(text_free) struct text archive = TEXT_EMPTY, list = TEXT_EMPTY;
	CLEANUP(text_free) struct text layer = TEXT_EMPTY, config = TEXT_EMPTY;
	CLEANUP(text_free) struct text images = TEXT_EMPTY, expected = TEXT_EMPTY;
	CLEANUP(memory_free) char *id = NULL;
	char hex[65], layer_hex[65];

	(void)state;
	archive_make(&archive, &id);
	tar_list(&archive, "/layer.tar", &list, &layer);
	tar_list(&archive, "manifest.json", &list, &images);
	assert_non_null(text_after(id, "sha256:"));
	assert_int_equal(sha256_hex(text_string(&layer), layer.length, layer_hex), 0);
	text_format(
		&expected,
		"[{\"Config\":\"%s.json\",\"Layers\":[\"%s/layer.tar\"],\"RepoTags\":[\"a/b:1\"]}]",
		text_after(id, "sha256:"), layer_hex);
	assert_string_equal(text_string(&images), text_string(&expected));

	text_clear(&expected);
	text_format(&expected, "%s.json", text_after(id, "sha256:"));
	tar_list(&archive, text_string(&expected), &list, &config);
	assert_int_equal(sha256_hex(text_string(&config), config.length, hex), 0);
	assert_string_equal(hex, text_after(id, "sha256:"));
	text_clear(&expected);
	text_format(&expected,
		    "{\"architecture\":\"arm64\",\"config\":{\"Cmd\":[\"sh\",\"-c \\\"x\\\"\"],"
		    "\"Env\":[\"PATH=/bin\"],\"WorkingDir\":\"/tmp\"},"
		    "\"created\":\"1970-01-02T00:00:00Z\",\"os\":\"linux\","
		    "\"rootfs\":{\"diff_ids\":[\"sha256:%s\"],\"type\":\"layers\"}}",
		    layer_hex);
	assert_string_equal(text_string(&config), text_string(&expected));

	text_clear(&list);
	text_clear(&config);
	tar_list(&layer, "tool", &list, &config);
	assert_string_equal(text_string(&list), "bin 120777 0:0 86400 0 usr/bin\n"
						"etc/ 40755 0:0 86400 0\n"
						"etc/empty 100600 0:0 86400 0\n"
						"tmp/ 41777 0:0 86400 0\n"
						"usr/ 40755 0:0 86400 0\n"
						"usr/bin/ 40755 0:0 86400 0\n"
						"usr/bin/tool 104755 0:0 86400 29\n");
	assert_memory_equal(text_string(&config), arm_program, sizeof(arm_program));
}

static void own_archive_is_read_back(void **state)
{
	CLEANUP(text_free) struct text archive = TEXT_EMPTY;
	CLEANUP(memory_free) char *id = NULL, *found = NULL, *none = NULL;
	CLEANUP(fd_close) int fd = -1;
	char hex[65], hex_fd[65];

	(void)state;
	archive_make(&archive, &id);
	fd = memory_file(&archive);
	assert_int_equal(container_archive_id(fd, "'x.tar'", "a/b:1", &found), 0);
	assert_string_equal(found, id);
	assert_int_equal(container_archive_id(fd, "'x.tar'", "a/b:2", &none), -EINVAL);
	assert_null(none);
	assert_int_equal(sha256_hex_fd(fd, hex_fd), 0);
	assert_int_equal(sha256_hex(text_string(&archive), archive.length, hex), 0);
	assert_string_equal(hex, hex_fd);
}

/* whatever a byte is changed to, or where it ends: an answer, never a crash */
static void damaged_archives_are_errors(void **state)
{
	CLEANUP(text_free) struct text archive = TEXT_EMPTY;
	CLEANUP(memory_free) char *id = NULL;

	(void)state;
	archive_make(&archive, &id);
	for (size_t length = 0; length < archive.length; length += 257) {
		CLEANUP(text_free) struct text part = TEXT_EMPTY;
		CLEANUP(memory_free) char *found = NULL;
		CLEANUP(fd_close) int fd = -1;

		text_add_bytes(&part, archive.data, length);
		fd = memory_file(&part);
		if (container_archive_id(fd, "'cut.tar'", "a/b:1", &found) == 0)
			assert_string_equal(found, id); /* only padding was cut off */
	}
	for (size_t at = 0; at < archive.length; at += 131) {
		CLEANUP(memory_free) char *found = NULL;
		CLEANUP(fd_close) int fd = -1;

		archive.data[at] = (char)(archive.data[at] ^ 0x21);
		fd = memory_file(&archive);
		(void)container_archive_id(fd, "'changed.tar'", "a/b:1", &found);
		archive.data[at] = (char)(archive.data[at] ^ 0x21);
	}
}

/* what libarchive leaves to programs of the machine is refused, not run */
static void no_program_is_run(void **state)
{
	static const char *const starts[] = { "LRZI\0\6", "\x89LZO\0\r\n\x1a\n",
					      "GRZipII\0\2\4:)" };
	static const size_t lengths[] = { 6, 9, 12 };
	static const char *const programs[] = { "lrzip", "lzop", "grzip" };
	struct scratch *scratch = *state;
	const char *old_path = getenv("PATH");
	CLEANUP(memory_free) char *saved = strdup(old_path ? old_path : "");
	CLEANUP(text_free) struct text script = TEXT_EMPTY;

	text_format(&script, "#!/bin/sh\n: >%s/ran\n", scratch->path);
	for (size_t i = 0; i < COUNT_OF(programs); i++)
		scratch_file(scratch, programs[i], text_string(&script), 0755);
	assert_int_equal(setenv("PATH", scratch->path, 1), 0);
	for (size_t i = 0; i < COUNT_OF(starts); i++) {
		CLEANUP(memory_free) char *found = NULL;
		CLEANUP(text_free) struct text bytes = TEXT_EMPTY;
		CLEANUP(fd_close) int fd = -1;

		text_add_bytes(&bytes, starts[i], lengths[i]);
		for (size_t j = 0; j < 1024; j++)
			text_add_char(&bytes, '\0');
		fd = memory_file(&bytes);
		assert_int_equal(container_archive_id(fd, "'x'", "a/b:1", &found), -EINVAL);
		assert_true(access(scratch_path(scratch, "ran"), F_OK) < 0);
	}
	assert_int_equal(setenv("PATH", saved, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_input_same_bytes),
		cmocka_unit_test(content_is_as_promised),
		cmocka_unit_test(own_archive_is_read_back),
		cmocka_unit_test(damaged_archives_are_errors),
		cmocka_unit_test_setup_teardown(no_program_is_run, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
