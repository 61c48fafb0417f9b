/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_settings.c - "run:": the forms of its text, and what stacked profiles come to
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>
#include <fcntl.h>
#include <cmocka.h>

#include "init/lib/file.h"
#include "mkinitrd/run_settings.h"

static void ports_are_numbers_with_a_protocol(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool bare;
		int result;
		unsigned port;
		enum run_protocol protocol;
	} rows[] = {
		{ "80/tcp", false, 0, 80, RUN_TCP },
		{ "53/udp", false, 0, 53, RUN_UDP },
		{ "65535/sctp", false, 0, 65535, RUN_SCTP },
		{ "80", true, 0, 80, RUN_TCP },
		{ "80", false, -EINVAL, 0, 0 },
		{ "0/tcp", false, -EINVAL, 0, 0 },
		{ "65536/tcp", false, -EINVAL, 0, 0 },
		{ "99999999999/tcp", true, -EINVAL, 0, 0 },
		{ "80/", true, -EINVAL, 0, 0 },
		{ "80/TCP", true, -EINVAL, 0, 0 },
		{ "-1/tcp", true, -EINVAL, 0, 0 },
		{ "/tcp", true, -EINVAL, 0, 0 },
		{ "80tcp", true, -EINVAL, 0, 0 },
		{ "", true, -EINVAL, 0, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct run_port port = { 0 };

		print_message("row: '%s'\n", rows[i].text);
		assert_int_equal(run_port_parse(rows[i].text, rows[i].bare, &port), rows[i].result);
		assert_int_equal(port.port, rows[i].port);
		assert_int_equal(port.protocol, rows[i].protocol);
	}
}

static void signals_have_one_name(void **state UNUSED)
{
	static const struct {
		const char *text, *name;
	} rows[] = {
		{ "SIGTERM", "SIGTERM" },
		{ "TERM", "SIGTERM" },
		{ "15", "SIGTERM" },
		{ "SIGRTMIN+3", "SIGRTMIN+3" },
		{ "RTMIN+3", "SIGRTMIN+3" },
		{ "SIGRTMIN", "SIGRTMIN" },
		{ "SIGRTMAX-1", "SIGRTMIN+29" },
		{ "sigterm", "SIGTERM" },
		{ "SIGRTMIN+31", NULL },
		{ "SIGRTMIN-1", NULL },
		{ "0", NULL },
		{ "200", NULL },
		{ "SIGFOO", NULL },
		{ "SIG", NULL },
		{ "", NULL },
		{ "SIGRTMIN+", NULL },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(memory_free) char *name = NULL;

		print_message("row: '%s'\n", rows[i].text);
		assert_int_equal(run_signal_parse(rows[i].text, &name), rows[i].name ? 0 : -EINVAL);
		if (rows[i].name)
			assert_string_equal(name, rows[i].name);
	}
}

static void cpus_are_thousandths(void **state UNUSED)
{
	static const struct {
		const char *text;
		uint64_t thousandths; /* 0: refused */
	} rows[] = {
		{ "2", 2000 },       { "0.5", 500 },
		{ "1.25", 1250 },    { "0.001", 1 },
		{ "8192", 8192000 }, { "8193", 0 },
		{ "0", 0 },          { "0.0", 0 },
		{ "0.0001", 0 },     { ".5", 0 },
		{ "2.", 0 },         { "-1", 0 },
		{ "", 0 },           { "99999999999999999999", 0 },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t thousandths = 0;

		print_message("row: '%s'\n", rows[i].text);
		assert_int_equal(run_cpus_parse(rows[i].text, &thousandths),
				 rows[i].thousandths ? 0 : -EINVAL);
		assert_int_equal(thousandths, rows[i].thousandths);
	}
}

static void networks_users_and_variables(void **state UNUSED)
{
	static const struct {
		const char *text;
		bool is_network, is_user, is_variable;
	} rows[] = {
		{ "host", true, true, true },
		{ "bridge=br0", true, false, false },
		{ "macvlan=eth0.5", true, false, false },
		{ "bridge=0123456789abcdef", false, false, false }, /* 16 characters */
		{ "bridge=", false, false, false },
		{ "bridge=a/b", false, false, false },
		{ "bridge=-x", false, false, false },
		{ "veth1", false, true, true },
		{ "1000:1000", false, true, true },
		{ "web:", false, false, true },
		{ ":web", false, false, true },
		{ "-x", false, false, true },
		{ "a b", false, false, false },
		{ "a\nb", false, false, false },
		{ "", false, false, false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("row: '%s'\n", rows[i].text);
		assert_int_equal(run_network_parse(rows[i].text, NULL, NULL),
				 rows[i].is_network ? 0 : -EINVAL);
		assert_int_equal(run_user_is_valid(rows[i].text), rows[i].is_user);
		assert_int_equal(run_variable_is_valid(rows[i].text), rows[i].is_variable);
	}
}

/* ---- profiles ---- */

static const char path[] = "/tmp/unit-run-settings.yaml";

static int settings_of(const char *content, const char *set, struct run_settings *settings)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY, sets = STRINGS_EMPTY;
	CLEANUP(profile_free) struct profile profile = PROFILE_EMPTY;

	assert_int_equal(file_write(AT_FDCWD, path, content, 0600), 0);
	assert_int_equal(strings_add(&names, path), 0);
	if (set)
		assert_int_equal(strings_add(&sets, set), 0);
	assert_int_equal(profile_load(&profile, &names, &sets), 0);
	assert_int_equal(unlink(path), 0);
	return run_settings_read(&profile, settings);
}

static void all_of_it_is_read(void **state UNUSED)
{
	CLEANUP(run_settings_free) struct run_settings settings = RUN_SETTINGS_EMPTY;

	/* what was there before, as of a container image */
	assert_int_equal(run_set_env(&settings, "A", "old"), 0);
	assert_int_equal(run_set_env(&settings, "AB", "stays"), 0);
	assert_int_equal(run_set_volume(&settings, "/z"), 0);
	assert_int_equal(run_set_port(&settings, &(struct run_port){ .port = 443 }), 0);
	assert_int_equal(
		settings_of("values: {p: \"8080\", n: br0}\n"
			    "run:\n"
			    "  exec: [httpd, \"-p${p}\", \"\"]\n"
			    "  env: {A: \"${n} x=y\", C: \"\"}\n"
			    "  user: web:www-data\n"
			    "  directory: /srv\n"
			    "  ports: {80/tcp: {host: \"${p}\"}, 53/udp: {}, 443/tcp: {host: 1}}\n"
			    "  volumes: {/b: {}, /a: {}}\n"
			    "  stop-signal: QUIT\n"
			    "  limits: {memory: 512M, cpus: \"0.25\", nofile: infinity}\n"
			    "  network: bridge=${n}\n"
			    "  private-users: false\n"
			    "  init: reap\n"
			    "  privileged: true\n",
			    "run.limits.pids=100", &settings),
		0);
	assert_int_equal(settings.exec.count, 3);
	assert_string_equal(settings.exec.items[1], "-p8080");
	assert_string_equal(settings.exec.items[2], "");
	assert_int_equal(settings.env.count, 3);
	assert_string_equal(settings.env.items[0], "A=br0 x=y");
	assert_string_equal(settings.env.items[1], "AB=stays");
	assert_string_equal(run_env(&settings, "C"), "");
	assert_null(run_env(&settings, "B"));
	assert_string_equal(settings.user, "web:www-data");
	assert_string_equal(settings.directory, "/srv");
	assert_int_equal(settings.port_count, 3);
	assert_int_equal(settings.ports[0].port, 53);
	assert_int_equal(settings.ports[0].protocol, RUN_UDP);
	assert_int_equal(settings.ports[1].host, 8080);
	assert_int_equal(settings.ports[2].host, 1);
	assert_int_equal(settings.volumes.count, 3);
	assert_string_equal(settings.volumes.items[0], "/a");
	assert_string_equal(settings.stop_signal, "SIGQUIT");
	assert_int_equal(settings.memory, 512 << 20);
	assert_int_equal(settings.cpus, 250);
	assert_int_equal(settings.pids, 100);
	assert_true(settings.nofile == UINT64_MAX);
	assert_int_equal(settings.network, RUN_NETWORK_BRIDGE);
	assert_string_equal(settings.network_name, "br0");
	assert_int_equal(settings.private_users, RUN_NO);
	assert_int_equal(settings.init, RUN_INIT_REAP);
	assert_true(settings.is_privileged);
	assert_int_equal(settings.exec_at.line, 3);
}

/* what a container image has, and what a profile says over it */
static void exec_takes_arguments_away(void **state UNUSED)
{
	static const struct {
		const char *content, *command;
	} rows[] = {
		{ "run: {user: x}\n", "a b c" },
		{ "run: {exec: [d]}\n", "d" },
		{ "run: {arguments: [d, e]}\n", "a b d e" },
		{ "run: {exec: [d], arguments: [e]}\n", "d e" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(run_settings_free) struct run_settings settings = RUN_SETTINGS_EMPTY;
		CLEANUP(strings_free) struct strings argv = STRINGS_EMPTY;
		CLEANUP(text_free) struct text command = TEXT_EMPTY;

		print_message("row: '%s'\n", rows[i].content);
		assert_int_equal(strings_add(&settings.exec, "a"), 0);
		assert_int_equal(strings_add(&settings.exec, "b"), 0);
		assert_int_equal(strings_add(&settings.arguments, "c"), 0);
		assert_int_equal(settings_of(rows[i].content, NULL, &settings), 0);
		assert_int_equal(run_command(&settings, &argv), 0);
		for (size_t j = 0; j < argv.count; j++)
			text_format(&command, "%s%s", j ? " " : "", argv.items[j]);
		assert_string_equal(text_string(&command), rows[i].command);
	}
}

static void nothing_said_is_nothing(void **state UNUSED)
{
	CLEANUP(run_settings_free) struct run_settings settings = RUN_SETTINGS_EMPTY;

	assert_int_equal(settings_of("values: {}\n", NULL, &settings), 0);
	assert_null(settings.at.file);
	assert_int_equal(settings.exec.count, 0);
	assert_int_equal(settings.private_users, RUN_UNSAID);
	assert_int_equal(settings.network, RUN_NETWORK_UNSAID);
}

static void contradictions_are_refused(void **state UNUSED)
{
	static const char *const rows[] = {
		"run: {privileged: true, private-users: true}\n",
		"run: {ports: {80/tcp: {host: 1}, 81/tcp: {host: 1}}}\n",
		"run: {exec: [\"\"]}\n",
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(run_settings_free) struct run_settings settings = RUN_SETTINGS_EMPTY;

		print_message("row: '%s'\n", rows[i]);
		assert_int_equal(settings_of(rows[i], NULL, &settings), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_numbers_with_a_protocol),
		cmocka_unit_test(signals_have_one_name),
		cmocka_unit_test(cpus_are_thousandths),
		cmocka_unit_test(networks_users_and_variables),
		cmocka_unit_test(all_of_it_is_read),
		cmocka_unit_test(exec_takes_arguments_away),
		cmocka_unit_test(nothing_said_is_nothing),
		cmocka_unit_test(contradictions_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
