/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.c - argv into options, and what is said of a wrong one
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "init/lib/file.h"
#include "mkinitrd/options.h"

static int nothing(const struct options *options UNUSED)
{
	return EXIT_DONE;
}

const struct subcommand subcommands[] = {
	{ .name = "build",
	  .function = nothing,
	  .options = "profile set output jobs progress dry-run" },
	{ .name = "ls", .function = nothing, .arguments = "IMAGE", .options = "json" },
	{ .name = "run",
	  .function = nothing,
	  .arguments = "IMAGE",
	  .options = "disk-size cpus qemu" },
	{ .name = NULL },
};

/* what is written to @fd until capture_end(); nothing else runs meanwhile */
struct capture {
	int fd, kept, memory;
};

static struct capture capture_begin(FILE *stream)
{
	struct capture capture = { .fd = fileno(stream) };

	(void)fflush(stream);
	capture.kept = dup(capture.fd);
	capture.memory = memfd_create("capture", MFD_CLOEXEC);
	assert_true(capture.kept >= 0 && capture.memory >= 0);
	assert_true(dup2(capture.memory, capture.fd) >= 0);
	return capture;
}

static void capture_end(struct capture *capture, FILE *stream, struct text *ret_text)
{
	(void)fflush(stream);
	assert_true(dup2(capture->kept, capture->fd) >= 0);
	assert_true(lseek(capture->memory, 0, SEEK_SET) == 0);
	assert_int_equal(file_read_fd(capture->memory, 1 << 20, ret_text), 0);
	fd_close(&capture->kept);
	fd_close(&capture->memory);
}

#define WORDS_MOST 10

static int parse(struct options *options, const char *const *words, const char **ret_subcommand,
		 struct text *ret_out, struct text *ret_error)
{
	char *argv[WORDS_MOST + 2] = { strdup("mkinitrd") };
	const struct subcommand *subcommand = NULL;
	struct capture out, error;
	int argc = 1, status;

	for (; words[argc - 1]; argc++)
		argv[argc] = strdup(words[argc - 1]);
	out = capture_begin(stdout);
	error = capture_begin(stderr);
	status = options_parse(options, argc, argv, &subcommand);
	capture_end(&error, stderr, ret_error);
	capture_end(&out, stdout, ret_out);
	/* texts point into argv, as those of the program do: kept until they are no longer read */
	if (options->output) {
		static char output[64];

		(void)snprintf(output, sizeof(output), "%s", options->output);
		options->output = output;
	}
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	*ret_subcommand = subcommand ? subcommand->name : NULL;
	return status;
}

static void join(const struct strings *strings, struct text *text)
{
	for (size_t i = 0; i < strings->count; i++)
		text_format(text, "%s%s", i ? "|" : "", strings->items[i]);
}

static void good_words_are_read(void **state UNUSED)
{
	static const struct {
		const char *words[WORDS_MOST];
		const char *subcommand, *profiles, *output, *arguments, *qemu;
		unsigned jobs;
		int verbose;
		bool dry_run, json;
	} rows[] = {
		{ { NULL }, "build", "", "", "", "", 0, 0, false, false },
		{ { "--profile", "x" }, "build", "x", "", "", "", 0, 0, false, false },
		{ { "-p", "x", "build", "--profile=y" },
		  "build",
		  "x|y",
		  "",
		  "",
		  "",
		  0,
		  0,
		  false,
		  false },
		{ { "-px", "-j4", "-nvvo", "f" }, "build", "x", "f", "", "", 4, 2, true, false },
		{ { "-v", "ls", "a", "--json", "b" }, "ls", "", "", "a|b", "", 0, 1, false, true },
		{ { "ls", "--", "--json", "-x" },
		  "ls",
		  "",
		  "",
		  "--json|-x",
		  "",
		  0,
		  0,
		  false,
		  false },
		{ { "ls", "-" }, "ls", "", "", "-", "", 0, 0, false, false },
		{ { "run", "--qemu", "-s", "--qemu=", "i" },
		  "run",
		  "",
		  "",
		  "i",
		  "-s|",
		  0,
		  0,
		  false,
		  false },
		{ { "-o", "a", "-o", "b=c" }, "build", "", "b=c", "", "", 0, 0, false, false },
		{ { "--output=b=c", "-j", "1024" },
		  "build",
		  "",
		  "b=c",
		  "",
		  "",
		  1024,
		  0,
		  false,
		  false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(options_free) struct options options = { 0 };
		CLEANUP(text_free) struct text profiles = TEXT_EMPTY, arguments = TEXT_EMPTY;
		CLEANUP(text_free)
		struct text out = TEXT_EMPTY, error = TEXT_EMPTY, qemu = TEXT_EMPTY;
		const char *subcommand;

		print_message("row: %zu\n", i);
		assert_int_equal(parse(&options, rows[i].words, &subcommand, &out, &error), -1);
		join(&options.profiles, &profiles);
		join(&options.arguments, &arguments);
		join(&options.qemu, &qemu);
		assert_string_equal(text_string(&error), "");
		assert_string_equal(subcommand, rows[i].subcommand);
		assert_string_equal(text_string(&profiles), rows[i].profiles);
		assert_string_equal(options.output ? options.output : "", rows[i].output);
		assert_string_equal(text_string(&arguments), rows[i].arguments);
		assert_string_equal(text_string(&qemu), rows[i].qemu);
		assert_int_equal(options.jobs, rows[i].jobs);
		assert_int_equal(options.verbose, rows[i].verbose);
		assert_int_equal(options.dry_run, rows[i].dry_run);
		assert_int_equal(options.json, rows[i].json);
	}
}

static void wrong_words_are_refused_in_one_line(void **state UNUSED)
{
	static const struct {
		const char *words[WORDS_MOST];
		const char *error;
	} rows[] = {
		{ { "bulid" }, "unknown command 'bulid'; did you mean 'build'?" },
		{ { "disk" }, "unknown command 'disk'; 'mkinitrd --help' lists them" },
		{ { "-p", "x", "y" }, "unknown command 'y'; 'mkinitrd --help' lists them" },
		{ { "--outptu", "a" }, "unknown option '--outptu'; did you mean '--output'?" },
		{ { "--"
		    "zzzzzz" },
		  "unknown option '--zzzzzz'; 'mkinitrd --help' lists them" },
		{ { "-Z" }, "unknown option '-Z'; 'mkinitrd --help' lists them" },
		{ { "-nZ" }, "unknown option '-Z'; 'mkinitrd --help' lists them" },
		{ { "--dry-run=yes" }, "--dry-run takes no value" },
		{ { "build", "-o" }, "--output needs a value: --output FILE" },
		{ { "build", "--output" }, "--output needs a value: --output FILE" },
		{ { "-j", "0" }, "--jobs takes a number from 1 to 1024, not '0'" },
		{ { "-j", "-1" }, "--jobs takes a number from 1 to 1024, not '-1'" },
		{ { "-j", "1025" }, "--jobs takes a number from 1 to 1024, not '1025'" },
		{ { "--progress", "maybe" }, "--progress is auto, always or never, not 'maybe'" },
		{ { "ls", "a", "-p", "x" }, "'ls' takes no --profile; 'build' does" },
		{ { "--json" }, "'build' takes no --json; 'ls' does" },
		{ { "-f" }, "'build' takes no --force; no command of this version does" },
		/* a name that is part of another one */
		{ { "run", "--disk", "x", "i" },
		  "'run' takes no --disk; no command of this version does" },
		{ { "build", "x" }, "'build' takes no argument 'x'; see 'mkinitrd build --help'" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(options_free) struct options options = { 0 };
		CLEANUP(text_free) struct text expected = TEXT_EMPTY;
		CLEANUP(text_free) struct text out = TEXT_EMPTY, error = TEXT_EMPTY;
		const char *subcommand;

		print_message("row: %s\n", rows[i].error);
		assert_int_equal(parse(&options, rows[i].words, &subcommand, &out, &error),
				 EXIT_USAGE);
		text_format(&expected, "mkinitrd: %s\n", rows[i].error);
		assert_string_equal(text_string(&error), text_string(&expected));
		assert_string_equal(text_string(&out), "");
	}
}

static void help_comes_from_the_tables(void **state UNUSED)
{
	static const struct {
		const char *words[WORDS_MOST];
		const char *has, *has_not;
	} rows[] = {
		{ { "--help" }, "\n  build ", "--output" },
		{ { "-h" }, "\n  run ", "--output" },
		{ { "build", "--help" }, "\n  -o, --output FILE ", "--qemu" },
		{ { "-h", "build" }, "\n  -j, --jobs N ", "--json" },
		{ { "run", "i", "-h" }, "\n      --disk-size SIZE ", "--disk FILE" },
		{ { "-V" }, "mkinitrd " MKINITRD_VERSION "\nwrites none, zstd:", "USAGE" },
		{ { "ls", "--version" }, "mkinitrd " MKINITRD_VERSION "\n", "USAGE" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(options_free) struct options options = { 0 };
		CLEANUP(text_free) struct text out = TEXT_EMPTY, error = TEXT_EMPTY;
		const char *subcommand;

		print_message("row: %zu\n", i);
		assert_int_equal(parse(&options, rows[i].words, &subcommand, &out, &error),
				 EXIT_DONE);
		assert_string_equal(text_string(&error), "");
		assert_non_null(strstr(text_string(&out), rows[i].has));
		assert_null(strstr(text_string(&out), rows[i].has_not));
	}
}

static void jobs_are_at_least_one(void **state UNUSED)
{
	struct options options = { 0 };

	assert_true(options_jobs(&options) >= 1);
	options.jobs = 3;
	assert_int_equal(options_jobs(&options), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_words_are_read),
		cmocka_unit_test(wrong_words_are_refused_in_one_line),
		cmocka_unit_test(help_comes_from_the_tables),
		cmocka_unit_test(jobs_are_at_least_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
