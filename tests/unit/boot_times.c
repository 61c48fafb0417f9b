/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_times.c - the times of a boot from its record and from logs, hostile ones too
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include <jansson.h>

#include "init/lib/boot_times.h"
#include "init/lib/file.h"

#define KERNEL "[    0.000000] Linux version 6.1.0 (x)\n"
#define MOUNTS "[    1.500000] mkinitrd: mounts: ok root=rerooted (12 ms)\n"

/* what is read from @length bytes; the caller frees the descriptor's memory by closing it */
static int read_bytes(const char *bytes, size_t length, unsigned number, struct boot_times *times)
{
	CLEANUP(fd_close) int fd = memfd_create("log", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, bytes, length), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return boot_times_read(fd, number, times);
}

static void logs_and_records(void **state UNUSED)
{
	static const struct {
		const char *text;
		unsigned number;
		int result;
		unsigned count;
		const char *said; /* a part of it */
	} rows[] = {
		{ "", 0, -ENODATA, 0, "" },
		{ "no init here\nmkinitrd: out.img: 3 entries\n", 0, -ENODATA, 0, "" },
		{ KERNEL MOUNTS, 0, 0, 1,
		  "Startup not finished after 1.488s (kernel) + 12ms (init) = 1.500s\n" },
		{ KERNEL MOUNTS "[    2.000000] mkinitrd: exec: /usr/sbin/dockerd\n"
				"[   62.500000] mkinitrd: docker answers (60500 ms)\n",
		  0, 0, 1,
		  "Startup finished in 1.488s (kernel) + 512ms (init) + 1min 0.500s (docker) = "
		  "1min 2.500s\n" },
		/* longest first, failed and skipped ones marked */
		{ MOUNTS "[    2.000000] mkinitrd: disk: failed: no such disk\n"
			 "[    3.000000] mkinitrd: services: ok started=a (900 ms)\n"
			 "[    3.000000] mkinitrd: images: skipped: none\n",
		  0, 0, 1,
		  "          900ms services\n           12ms mounts\n"
		  "            0ms disk (failed)\n            0ms images (skipped)\n" },
		/* a step that was tried again counts once */
		{ MOUNTS "[    2.000000] mkinitrd: disk: failed: none\n"
			 "[    4.000000] mkinitrd: disk: ok source=x (500 ms)\n",
		  0, 0, 1, "\n          500ms disk\n           12ms mounts\n" },
		/* noise before, carriage returns, CONFIG_PRINTK_CALLER, no newline at the end */
		{ "~ # [    1.500000][    T1] mkinitrd: mounts: ok (12 ms)\r\r\n"
		  "\x1b[0m[ 2.0] other\r[    2.100000] mkinitrd: plan: ok profile=x (100 ms)",
		  0, 0, 1, "          100ms plan\n           12ms mounts\n" },
		{ "[    9.000000] a [    1.500000] mkinitrd: mounts: ok (12 ms)\n", 0, 0, 1,
		  "Startup not finished after 1.488s (kernel)" },
		/* several boots */
		{ KERNEL MOUNTS KERNEL "[    1.500000] mkinitrd: mounts: ok (30 ms)\n", 0, 0, 2,
		  "30ms mounts" },
		{ KERNEL MOUNTS KERNEL "[    1.500000] mkinitrd: mounts: ok (30 ms)\n", 1, 0, 2,
		  "12ms mounts" },
		{ KERNEL MOUNTS KERNEL "[    1.500000] mkinitrd: mounts: ok (30 ms)\n", 3, -ERANGE,
		  2, "" },
		/* the kernel's first lines are not there; a boot without init does not count */
		{ MOUNTS MOUNTS MOUNTS, 2, 0, 3, "12ms mounts" },
		{ KERNEL KERNEL MOUNTS KERNEL, 0, 0, 1, "12ms mounts" },
		/* no times of the kernel */
		{ "mkinitrd: mounts: ok root=x (12 ms)\nmkinitrd: plan: ok (40 ms)\n", 0, 0, 1,
		  "(printk.time=0): steps alone\n\n           40ms plan\n           12ms "
		  "mounts\n" },
		/* what a program prints is not init's */
		{ MOUNTS "[    2.000000] dockerd: say=mkinitrd: disk: ok (99 ms)\n", 0, 0, 1,
		  "init) = 1.500s\n\n           12ms mounts\n" },
		/* no numbers, too large ones, names that are none */
		{ "[    1.500000] mkinitrd: mounts: ok (x ms)\n", 0, 0, 1, "0ms mounts\n" },
		{ "[    1.500000] mkinitrd: mounts: ok (99999999999999999999 ms)\n", 0, 0, 1,
		  "0ms mounts\n" },
		{ "[99999999999999999999.5] mkinitrd: mounts: ok (12 ms)\n", 0, 0, 1,
		  "steps alone\n\n           12ms mounts\n" },
		{ MOUNTS "[ 2.0] mkinitrd: A B: ok (1 ms)\n"
			 "[ 2.0] mkinitrd: abcdefghijklmnopqrstuvwxyz: ok (1 ms)\n"
			 "[ 2.0] mkinitrd: : ok (1 ms)\n[ 2.0] mkinitrd: x: okay (1 ms)\n",
		  0, 0, 1, "= 1.500s\n\n           12ms mounts\n" },
		/* the record of the machine itself */
		{ "{\n  \"mkinitrd\": \"0.1.0\",\n  \"steps\": [\n"
		  "    {\"name\": \"mounts\", \"result\": \"ok\", \"start_ms\": 1000.500, "
		  "\"end_ms\": 1100.500, \"details\": \"\"},\n"
		  "    {\"name\": \"network\", \"result\": \"pending\", \"start_ms\": 1500.000, "
		  "\"details\": \"\\\"end_ms\\\": 9\"},\n"
		  "    {\"name\": \"exec\", \"result\": \"ok\", \"start_ms\": 2000.000, "
		  "\"end_ms\": 2001.500, \"details\": \"path=/d docker_ms=6000\"}\n  ]\n}\n",
		  0, 0, 1,
		  "Startup finished in 1.000s (kernel) + 1.001s (init) + 6.000s (docker) = "
		  "8.001s\n\n         6.000s docker\n          100ms mounts\n            1ms exec\n"
		  "            0ms network (pending)\n" },
		{ "{\n    {\"name\": \"mounts\", \"result\": \"so\", \"start_ms\": 1}\n", 0,
		  -ENODATA, 0, "" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		struct boot_times times;

		print_message("row: %zu\n", i);
		assert_int_equal(
			read_bytes(rows[i].text, strlen(rows[i].text), rows[i].number, &times),
			rows[i].result);
		assert_int_equal(times.count, rows[i].count);
		if (rows[i].result < 0)
			continue;
		boot_times_format(&times, &text);
		if (!strstr(text_string(&text), rows[i].said))
			assert_string_equal(text_string(&text), rows[i].said);
	}
}

static void json_is_json(void **state UNUSED)
{
	static const char log[] =
		KERNEL MOUNTS "[    2.000000] mkinitrd: exec: /x\n"
			      "[    3.000000] mkinitrd: docker answers (1000 ms)\n";
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct boot_times times;
	const char *name, *result;
	double kernel, init, docker, total, start, took;
	json_t *root;

	assert_int_equal(read_bytes(log, strlen(log), 0, &times), 0);
	boot_times_format_json(&times, &text);
	root = json_loads(text_string(&text), 0, NULL);
	assert_non_null(root);
	assert_int_equal(json_unpack(root, "{s:F, s:F, s:F, s:F, s:[{s:s, s:s, s:F, s:F}!]}",
				     "kernel_ms", &kernel, "init_ms", &init, "docker_ms", &docker,
				     "total_ms", &total, "steps", "name", &name, "result", &result,
				     "start_ms", &start, "ms", &took),
			 0);
	assert_string_equal(name, "mounts");
	assert_string_equal(result, "ok");
	assert_true(kernel == 1488 && init == 512 && docker == 1000 && total == 3000);
	assert_true(start == 1488 && took == 12);
	json_decref(root);
}

/* more steps than there are, lines without end, every byte, and cut anywhere */
static void hostile_logs_do_no_harm(void **state UNUSED)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct boot_times times;

	for (int i = 0; i < 200; i++)
		text_format(&text, "[    1.000000] mkinitrd: %c%c: ok (1 ms)\n", 'a' + i % 26,
			    'a' + i / 26);
	assert_int_equal(read_bytes(text.data, text.length, 0, &times), 0);
	assert_int_equal(times.step_count, BOOT_TIMES_STEPS);
	for (int i = 0; i < 5000; i++)
		text_add(&text, "[[[[[ ] mkinitrd: ");
	for (int i = 0; i < 4096; i++)
		text_add_char(&text, (char)(i * 7));
	text_add(&text, "\n" MOUNTS);
	assert_int_equal(read_bytes(text.data, text.length, 0, &times), 0);
	for (size_t cut = 0; cut < text.length; cut += 97)
		(void)read_bytes(text.data + cut, text.length - cut, 0, &times);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logs_and_records),
		cmocka_unit_test(json_is_json),
		cmocka_unit_test(hostile_logs_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
