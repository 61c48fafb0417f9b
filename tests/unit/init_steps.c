/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_steps.c - records of steps as JSON, what the command line changes, what "/" is
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "init/api_mounts.h"
#include "init/parameters.h"
#include "init/record.h"

static void test_record(void **state)
{
	static const char details[] = "LABEL=\"a\\b\"\tnew\nline \x01 \xc3\xa4";
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct machine machine = { .record_count = 2 };
	const char *name, *result, *found;
	double start = 0, end = 0;
	json_t *root, *steps;
	json_error_t error;

	(void)state;
	machine.records[0] = (struct step_record){
		.name = "disk", .result = STEP_FAILED, .start_us = 1234567, .end_us = 2000001
	};
	memcpy(machine.records[0].details, details, sizeof(details));
	machine.records[1] = (struct step_record){ .name = "network", .start_us = 3000000 };
	assert_int_equal(record_format(&machine, &text), 0);
	root = json_loads(text_string(&text), 0, &error);
	assert_non_null(root);
	steps = json_object_get(root, "steps");
	assert_int_equal(json_array_size(steps), 2);
	assert_int_equal(json_unpack(json_array_get(steps, 0), "{s:s, s:s, s:F, s:F, s:s}", "name",
				     &name, "result", &result, "start_ms", &start, "end_ms", &end,
				     "details", &found),
			 0);
	assert_string_equal(name, "disk");
	assert_string_equal(result, "failed");
	assert_string_equal(found, details);
	assert_true(start > 1234.5669 && start < 1234.5671);
	assert_true(end > 2000.0009 && end < 2000.0011);
	assert_null(json_object_get(json_array_get(steps, 1), "end_ms"));
	json_decref(root);
}

static void test_mountinfo(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{ "1 1 0:2 / / rw - rootfs rootfs rw\n", 1 },
		{ "2 1 0:3 / / rw - rootfs rootfs rw\n", 0 },
		{ "24 1 0:2 / / rw - rootfs rootfs rw\n", 0 },
		{ "22 1 0:20 / /proc rw - proc proc rw\n1 1 0:2 / / rw - rootfs rootfs rw\n", 1 },
		{ "22 22 0:20 / /proc rw - proc proc rw\n", -EINVAL },
		{ "nonsense\n", -EINVAL },
		{ "", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("row: '%s'\n", rows[i].text);
		assert_int_equal(mountinfo_is_bare(rows[i].text), rows[i].result);
	}
}

static void test_early(void **state)
{
	static const struct {
		const char *line, *break_step;
		bool shell_allowed, has_panic;
		int64_t panic_seconds;
	} rows[] = {
		{ "", NULL, true, false, 0 },
		{ "panic=10", NULL, false, true, 10 },
		{ "panic=-1 rd.shell", NULL, true, true, -1 },
		{ "panic=soon", NULL, false, true, 0 },
		{ "rd.shell=0", NULL, false, false, 0 },
		{ "rd.break", "exec", true, false, 0 },
		{ "rd.break=network", "exec", true, false, 0 },
		{ "rd.break=disk", "disk", true, false, 0 },
		{ "rd.break=pre-mount", "root", true, false, 0 },
		{ "rd.break=pre-pivot", "exec", true, false, 0 },
		{ "rd.break=cmdline", "modules", true, false, 0 },
		{ "rd.break=nowhere", "exec", true, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct machine machine = { 0 };

		print_message("row: '%s'\n", rows[i].line);
		assert_int_equal(cmdline_parse(&machine.cmdline, rows[i].line), 0);
		assert_int_equal(parameters_early(&machine), 0);
		if (rows[i].break_step)
			assert_string_equal(machine.break_step, rows[i].break_step);
		else
			assert_null(machine.break_step);
		assert_int_equal(machine.shell_allowed, rows[i].shell_allowed);
		assert_int_equal(machine.has_panic, rows[i].has_panic);
		assert_int_equal(machine.panic_seconds, rows[i].panic_seconds);
		free(machine.break_step);
		cmdline_free(&machine.cmdline);
	}
}

#define MAIN "main name=dockerd exec=/usr/bin/dockerd ready=docker:/run/docker.sock\n"

/* the plan after the command line, as text; or the reason why not */
static void test_apply(void **state)
{
	static const struct {
		const char *plan, *line, *result;
	} rows[] = {
		{ "disk find=none at=/d\n", "mkinitrd.disk=LABEL=x",
		  "disk find=LABEL=x at=/d absent=stop" },
		{ "disk find=LABEL=x at=/d\n", "mkinitrd.disk=/dev/vda mkinitrd.disk=none",
		  "disk find=none at=/d absent=stop" },
		{ "disk find=LABEL=x at=/d\n", "mkinitrd.disk=vda", "give LABEL=" },
		{ "disk find=LABEL=x at=/d\n", "mkinitrd.disk=LABEL=", "give LABEL=" },
		{ "", "mkinitrd.disk=/dev/vda", "this image has no disk" },
		{ "mode is=supervise\n", "mkinitrd.mode=exec", "mode is=exec" },
		{ "", "mkinitrd.mode=supervise", "mode is=supervise" },
		{ "", "mkinitrd.mode=pid2", "use exec or supervise" },
		{ "", "mkinitrd.mode=x", "not known" },
		{ "", "mkinitrd.image=x", "this image is its own root" },
		{ "", "mkinitrd.cow=tmpfs", "give its profile a boot.root" },
		{ MAIN, "mkinitrd.exec=\"/bin/sh -c x\"",
		  "main name=sh exec=/bin/sh exec=-c exec=x\n" },
		/* the same program keeps the way it says that it is ready */
		{ MAIN, "mkinitrd.exec=\"/usr/bin/dockerd -D\"",
		  "main name=dockerd exec=/usr/bin/dockerd exec=-D ready=docker:/run/docker.sock" },
		{ "", "mkinitrd.exec=sh", "main name=sh exec=/usr/bin/sh" },
		{ "", "mkinitrd.exec=no-such-program", "no program 'no-such-program'" },
		{ "", "mkinitrd.exec=", "names no program" },
		{ MAIN, "init=/bin/sh", MAIN },
		{ "", "init=/bin/sh", "main name=sh exec=/bin/sh\n" },
		{ "network match=x method=dhcp\n", "mkinitrd.network=none",
		  "network match=e[nt]* method=none accept-ra=yes\n" },
		{ "", "mkinitrd.network=eth0:dhcp,eth1:none",
		  "network match=eth0 method=dhcp accept-ra=yes\n"
		  "network match=eth1 method=none accept-ra=yes\n" },
		{ "", "mkinitrd.network=eth0:static", "give dhcp, none" },
		{ "hostname is=h\n", "mkinitrd.unknown=1 foreign=2", "hostname is=h\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		CLEANUP(memory_free) char *error = NULL;
		struct machine machine = { 0 };
		struct step_record record = { .name = "plan" };

		print_message("row: %zu, '%s'\n", i, rows[i].line);
		text_format(&text, "mkinitrd-plan 1\n%s", rows[i].plan);
		assert_int_equal(bootplan_parse(&machine.plan, text.data, text.length, &error), 0);
		assert_int_equal(cmdline_parse(&machine.cmdline, rows[i].line), 0);
		text_clear(&text);
		if (parameters_apply(&machine, &record) < 0)
			text_add(&text, record.details);
		else
			assert_int_equal(bootplan_format(&machine.plan, &text), 0);
		if (!strstr(text_string(&text), rows[i].result))
			assert_string_equal(text_string(&text), rows[i].result);
		bootplan_free(&machine.plan);
		cmdline_free(&machine.cmdline);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_mountinfo),
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_apply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
