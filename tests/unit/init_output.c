/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_output.c - what programs print: long lines, the file that never outgrows its limit, and the
 *                 password before the rescue shell
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "init/lib/file.h"
#include "init/logfile.h"
#include "init/output.h"
#include "init/output_sink.h"
#include "init/rescue_password.h"
#include "scratch.h"

#define SCRATCH_TEST(function) \
	cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

/* ---- lines ---- */

static void keep_line(struct output *output, const char *line)
{
	text_format(output->owner, "%s\n", line);
}

static char *repeat(char character, size_t count)
{
	char *string = malloc(count + 1);

	assert_non_null(string);
	memset(string, character, count);
	string[count] = '\0';
	return string;
}

/* what becomes of @count bytes and their end */
static void lines_of(const char *bytes, size_t count, struct text *lines)
{
	struct supervisor supervisor = { .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	struct output output = OUTPUT_EMPTY;

	assert_true(supervisor.epoll_fd >= 0);
	output.line = keep_line;
	output.owner = lines;
	output.name = "program";
	assert_int_equal(output_open(&output, &supervisor), 0);
	assert_int_equal(file_write_fd(output.write_fd, bytes, count), 0);
	output_drain(&output);
	output_close(&output, &supervisor);
	(void)close(supervisor.epoll_fd);
}

static void DL_20_long_lines_come_in_pieces(void **state UNUSED)
{
	static const size_t lengths[] = { 1, 899, 900, 901, 1100, 5000, 20000 };

	for (size_t i = 0; i < COUNT_OF(lengths); i++) {
		CLEANUP(text_free) struct text lines = TEXT_EMPTY;
		CLEANUP(memory_free) char *line = repeat('x', lengths[i]);
		size_t whole = 0;

		print_message("row: %zu\n", lengths[i]);
		lines_of(line, lengths[i], &lines);
		for (const char *at = text_string(&lines); *at;) {
			size_t length = strcspn(at, "\n");

			assert_true(length <= OUTPUT_LINE_BYTES);
			assert_true((at == lines.data) == (text_after(at, "... ") == NULL));
			whole += length - (at == lines.data ? 0 : 4);
			at += length + 1;
		}
		assert_int_equal(whole, lengths[i]);
	}
}

static void DL_20_lines(void **state UNUSED)
{
	static const struct {
		const char *bytes;
		size_t count;
		const char *lines;
	} rows[] = {
		{ "a\nb\n", 4, "a\nb\n" },
		{ "a\r\n\n\nb", 6, "a\nb\n" },
		{ "a\0b\x1b[1m\n", 8, "a\nb [1m\n" },
		{ "", 0, "" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_free) struct text lines = TEXT_EMPTY;

		print_message("row: %zu\n", i);
		lines_of(rows[i].bytes, rows[i].count, &lines);
		assert_string_equal(text_string(&lines), rows[i].lines);
	}
}

/* a character of several bytes at each place of the cut stays whole */
static void DL_20_characters_stay_whole(void **state UNUSED)
{
	for (size_t before = OUTPUT_LINE_BYTES - 5; before <= OUTPUT_LINE_BYTES; before++) {
		CLEANUP(text_free) struct text bytes = TEXT_EMPTY;
		CLEANUP(text_free) struct text lines = TEXT_EMPTY;
		CLEANUP(memory_free) char *head = repeat('x', before);

		text_format(&bytes, "%s\xf0\x9f\x90\xb3 tail\n", head);
		lines_of(bytes.data, bytes.length, &lines);
		assert_non_null(strstr(text_string(&lines), "\xf0\x9f\x90\xb3"));
		assert_non_null(strstr(text_string(&lines), "tail\n"));
	}
}

/* ---- the file ---- */

static uint64_t size_of(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void DL_20_a_file_never_outgrows_its_limit(void **state)
{
	const struct scratch *scratch = *state;
	CLEANUP(memory_free) char *path = NULL, *old = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct logfile logfile;
	char line[128];

	assert_true(asprintf(&path, "%s/new/folder/log", scratch->path) > 0);
	assert_true(asprintf(&old, "%s.old", path) > 0);
	assert_int_equal(logfile_open(&logfile, path, 4096), 0);
	for (int i = 0; i < 500; i++) {
		int length = snprintf(line, sizeof(line), "a line with the number %d\n", i);

		assert_int_equal(logfile_write(&logfile, line, (size_t)length), 0);
		assert_true(size_of(path) + size_of(old) <= 4096);
	}
	logfile_close(&logfile);
	/* opened again it goes on at its end */
	assert_int_equal(logfile_open(&logfile, path, 4096), 0);
	assert_int_equal(logfile_write(&logfile, "again\n", 6), 0);
	logfile_close(&logfile);
	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &text), 0);
	assert_non_null(strstr(text_string(&text), "number 499\nagain\n"));
	text_clear(&text);
	assert_int_equal(file_read(AT_FDCWD, old, 1 << 20, &text), 0);
	assert_true(text.length > 1900 && text_ends_with(text_string(&text), "\n"));
}

static void DL_20_what_lies_on_a_disk_is_not_trusted(void **state)
{
	const struct scratch *scratch = *state;
	const char *folder = scratch->path;
	CLEANUP(memory_free) char *outside = NULL, *link = NULL, *through = NULL, *fifo = NULL;
	struct logfile logfile;

	assert_true(asprintf(&outside, "%s/outside", folder) > 0);
	assert_true(asprintf(&link, "%s/link", folder) > 0);
	assert_true(asprintf(&through, "%s/link/log", folder) > 0);
	assert_true(asprintf(&fifo, "%s/fifo", folder) > 0);
	assert_int_equal(mkdir(outside, 0755), 0);
	assert_int_equal(symlink("outside", link), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_true(logfile_open(&logfile, through, 4096) < 0); /* a folder that is a symlink */
	assert_true(logfile_open(&logfile, link, 4096) < 0);    /* the file itself is one */
	assert_true(logfile_open(&logfile, fifo, 4096) < 0);    /* and does not wait for a reader */
	assert_true(logfile_open(&logfile, folder, 4096) < 0);
	assert_int_equal(logfile.fd, -1);
	assert_int_equal(logfile.directory_fd, -1);
}

static void DL_20_the_sink_writes_name_and_time(void **state)
{
	const struct scratch *scratch = *state;
	struct bootplan plan = { .has_log = true, .log = { .to = PLAN_LOG_FILE, .limit = 65536 } };
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	assert_true(asprintf(&plan.log.path, "%s/sink", scratch->path) > 0);
	output_sink_open(&plan);
	assert_true(output_sink_is_file());
	assert_int_equal(output_sink_write("dockerd", LOG_INFO, "its line"), 0);
	output_sink_close();
	assert_false(output_sink_is_file());
	assert_int_equal(file_read(AT_FDCWD, plan.log.path, 1 << 20, &text), 0);
	assert_non_null(strstr(text_string(&text), "Z mkinitrd: boot, profile -\n"));
	assert_non_null(strstr(text_string(&text), "Z dockerd: its line\n"));
	free(plan.log.path);
}

/* ---- the password ---- */

static void OD_15_passwords(void **state UNUSED)
{
	/* made by: openssl passwd -6 -salt mkinitrd secret, mkpasswd -m yescrypt */
	static const char sha512[] =
		"$6$mkinitrd$LVMsGmUG1mrtTaoBkUF158JYpTmPwSsnbmrNRrK76nnM9bFNtSdx5F."
		"VuIc4peQZY9VYOC1uAvxsLfmw5AVQi1";
	static const struct {
		const char *hash, *typed;
		bool result;
	} rows[] = {
		{ sha512, "secret", true },
		{ sha512, "secre", false },
		{ sha512, "", false },
		{ "$y$j9T$abcdefgh$9WNEpu8Mx2S4KNGvbVWKM6clOSoY6.YEl7AYF4DGV04", "x", true },
		{ "$y$j9T$abcdefgh$9WNEpu8Mx2S4KNGvbVWKM6clOSoY6.YEl7AYF4DGV04", "y", false },
		{ "$nothing$known", "x", false },
		{ "*0", "x", false },
		{ "", "", false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("row: '%s' '%s'\n", rows[i].hash, rows[i].typed);
		assert_int_equal(password_is_right(rows[i].hash, rows[i].typed), rows[i].result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(DL_20_long_lines_come_in_pieces),
		cmocka_unit_test(DL_20_lines),
		cmocka_unit_test(DL_20_characters_stay_whole),
		SCRATCH_TEST(DL_20_a_file_never_outgrows_its_limit),
		SCRATCH_TEST(DL_20_what_lies_on_a_disk_is_not_trusted),
		SCRATCH_TEST(DL_20_the_sink_writes_name_and_time),
		cmocka_unit_test(OD_15_passwords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
