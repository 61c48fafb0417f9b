/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_declaration.c - declared containers: the forms of their text, what Docker is asked to make
 * of them, and its answers
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "init/agent_containers.h"
#include "init/agent_declaration.h"
#include "init/lib/declared.h"

// clang-format off
static const struct {
	const char *text;
	int result;
	const char *address;
	uint16_t host, inner;
	const char *protocol;
} port_rows[] = {
	{ "8080:80",               0,       NULL,        8080,  80,    "tcp" },
	{ "65535:1/udp",           0,       NULL,        65535, 1,     "udp" },
	{ "192.0.2.1:53:53/sctp",  0,       "192.0.2.1", 53,    53,    "sctp" },
	{ "[::1]:443:8443",        0,       "::1",       443,   8443,  "tcp" },
	{ "80",                    -EINVAL, NULL,        0,     0,     NULL },
	{ ":80",                   -EINVAL, NULL,        0,     0,     NULL },
	{ "80:",                   -EINVAL, NULL,        0,     0,     NULL },
	{ "0:80",                  -EINVAL, NULL,        0,     0,     NULL },
	{ "65536:80",              -EINVAL, NULL,        0,     0,     NULL },
	{ "80:80/icmp",            -EINVAL, NULL,        0,     0,     NULL },
	{ "80:80/",                -EINVAL, NULL,        0,     0,     NULL },
	{ "::1:443:8443",          -EINVAL, NULL,        0,     0,     NULL },
	{ "[::1:443:8443",         -EINVAL, NULL,        0,     0,     NULL },
	{ "[192.0.2.1]:1:1",       -EINVAL, NULL,        0,     0,     NULL },
	{ "host:80:80",            -EINVAL, NULL,        0,     0,     NULL },
	{ ":80:80",                -EINVAL, NULL,        0,     0,     NULL },
	{ "",                      -EINVAL, NULL,        0,     0,     NULL },
};

static const struct {
	bool (*is_valid)(const char *text);
	const char *text;
	bool expected;
} form_rows[] = {
	{ declared_name_is_valid,   "web",                   true },
	{ declared_name_is_valid,   "w1_.-",                 true },
	{ declared_name_is_valid,   "w",                     false }, /* Docker wants two */
	{ declared_name_is_valid,   "-web",                  false },
	{ declared_name_is_valid,   "web/x",                 false },
	{ declared_name_is_valid,   "web.new",               false },
	{ declared_name_is_valid,   "console",               false },
	{ declared_name_is_valid,   "console-tty1",          false },
	{ declared_name_is_valid,   "consoles",              true },
	{ declared_image_is_valid,  "web:1",                 true },
	{ declared_image_is_valid,  "a.example:5000/b@sha256:00", true },
	{ declared_image_is_valid,  "-web",                  false },
	{ declared_image_is_valid,  "web 1",                 false },
	{ declared_image_is_valid,  "",                      false },
	{ declared_volume_is_valid, "data:/data",            true },
	{ declared_volume_is_valid, "/srv/a b:/data:ro",     true },
	{ declared_volume_is_valid, "/:/host",               true },
	{ declared_volume_is_valid, "/srv:/",                false },
	{ declared_volume_is_valid, "/srv",                  false },
	{ declared_volume_is_valid, "../srv:/data",          false },
	{ declared_volume_is_valid, "data:data",             false },
	{ declared_volume_is_valid, "data:/data:",           false },
	{ declared_volume_is_valid, "data:/data:ro:z",       false },
	{ declared_volume_is_valid, ":/data",                false },
};
// clang-format on

static void ports(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(port_rows); i++) {
		CLEANUP(declared_port_free) struct declared_port port = { 0 };

		print_message("row: '%s'\n", port_rows[i].text);
		assert_int_equal(declared_port_parse(port_rows[i].text, &port),
				 port_rows[i].result);
		assert_int_equal(port.host, port_rows[i].host);
		assert_int_equal(port.inner, port_rows[i].inner);
		if (port_rows[i].result < 0)
			continue;
		assert_string_equal(port.protocol, port_rows[i].protocol);
		if (port_rows[i].address)
			assert_string_equal(port.address, port_rows[i].address);
		else
			assert_null(port.address);
	}
}

static void forms(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(form_rows); i++) {
		print_message("row: '%s'\n", form_rows[i].text);
		assert_int_equal(form_rows[i].is_valid(form_rows[i].text), form_rows[i].expected);
	}
}

static void environment(void **state UNUSED)
{
	static const char good[] = "# one\n\n  A=b c \r\n\tB=\nC=d=e";
	static const struct {
		const char *text;
		size_t length;
		const char *reason;
	} bad[] = {
		{ "A=b\nNAME\n", 9, "line 2 is no NAME=VALUE" },
		{ "=b", 2, "line 1 is no NAME=VALUE" },
		{ "A B=c", 5, "line 1 is no NAME=VALUE" },
		{ "A=\0b", 4, "line 1 is no NAME=VALUE" },
	};
	CLEANUP(strings_free) struct strings env = STRINGS_EMPTY;
	CLEANUP(text_free) struct text none = TEXT_EMPTY;

	assert_int_equal(declared_env_parse(good, strlen(good), &env, &none), 0);
	assert_int_equal(env.count, 3);
	assert_string_equal(env.items[0], "A=b c ");
	assert_string_equal(env.items[1], "B=");
	assert_string_equal(env.items[2], "C=d=e");
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		CLEANUP(strings_free) struct strings unused = STRINGS_EMPTY;
		CLEANUP(text_free) struct text reason = TEXT_EMPTY;

		assert_int_equal(declared_env_parse(bad[i].text, bad[i].length, &unused, &reason),
				 -EINVAL);
		assert_string_equal(text_string(&reason), bad[i].reason);
	}
}

/* the plan's line, with an image that is carried along as @id */
static int read_line(const char *line, const char *id, struct declaration *declaration,
		     struct bootplan *plan, struct text *reason)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(memory_free) char *error = NULL;

	text_format(&text, "mkinitrd-plan 1\ncontainer image=web:1 archive=/x id=%s\ndeclared %s\n",
		    id, line);
	assert_int_equal(bootplan_parse(plan, text_string(&text), text.length, &error), 0);
	return declaration_read(plan, &plan->declared[0], declaration, reason);
}

static void request(void **state UNUSED)
{
	static const char line[] = "name=web image=web:1 port=8080:80 port=127.0.0.1:8081:80/tcp "
				   "volume=data:/data restart=always command=sh command=-c";
	CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
	CLEANUP(declaration_free) struct declaration declaration = { 0 };
	CLEANUP(text_free) struct text reason = TEXT_EMPTY, expected = TEXT_EMPTY;
	CLEANUP(memory_free) char *bytes = NULL;

	assert_int_equal(read_line(line, "sha256:00", &declaration, &plan, &reason), 0);
	bytes = json_dumps(declaration.body, JSON_COMPACT | JSON_SORT_KEYS);
	text_format(&expected,
		    "{\"Cmd\":[\"sh\",\"-c\"],\"Env\":[],\"ExposedPorts\":{\"80/tcp\":{}},"
		    "\"HostConfig\":{\"Binds\":[\"data:/data\"],\"NetworkMode\":\"bridge\","
		    "\"PortBindings\":{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"},"
		    "{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"8081\"}]},"
		    "\"RestartPolicy\":{\"Name\":\"always\"}},\"Image\":\"web:1\","
		    "\"Labels\":{\"mkinitrd.declaration\":\"%s\",\"mkinitrd.declared\":\"web\","
		    "\"mkinitrd.image\":\"sha256:00\"}}",
		    declaration.hash);
	assert_string_equal(bytes, text_string(&expected));
	assert_int_equal(strlen(declaration.hash), 16);
}

/* whatever makes another container of it is another hash */
static void hashes(void **state UNUSED)
{
	static const char *const lines[][2] = {
		{ "name=web image=web:1 command=a command=b", "sha256:00" },
		{ "name=web image=web:1 command=\"a b\"", "sha256:00" },
		{ "name=web image=web:1 command=a command=b", "sha256:01" },
		{ "name=web image=web:1 command=a command=b network=host", "sha256:00" },
		{ "name=web image=web:1 command=a command=b restart=no", "sha256:00" },
		{ "name=web image=web:2 command=a command=b", "sha256:00" },
	};
	char seen[COUNT_OF(lines)][17];

	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		for (int again = 0; again < 2; again++) {
			CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
			CLEANUP(declaration_free) struct declaration declaration = { 0 };
			CLEANUP(text_free) struct text reason = TEXT_EMPTY;

			assert_int_equal(
				read_line(lines[i][0], lines[i][1], &declaration, &plan, &reason),
				0);
			if (again)
				assert_string_equal(seen[i], declaration.hash);
			memcpy(seen[i], declaration.hash, sizeof(seen[i]));
		}
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(seen[i], seen[j]);
	}
}

static void bad_lines(void **state UNUSED)
{
	static const char *const lines[][2] = {
		{ "image=web:1", "it has no name that Docker takes" },
		{ "name=../x image=web:1", "it has no name that Docker takes" },
		{ "name=web", "it has no name of an image" },
		{ "name=web image=web:1 port=x", "'x' is no port: " DECLARED_PORT_FORM },
		{ "name=web image=web:1 volume=x", "'x' is no volume: " DECLARED_VOLUME_FORM },
		{ "name=web image=web:1 env-file=x", "'x' is no full path" },
		{ "name=web image=web:1 env-file=/", "cannot read '/': it is no file" },
		{ "name=web image=web:1 command=\xff",
		  "no request can be made of it: a text in it is no UTF-8" },
	};

	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
		CLEANUP(declaration_free) struct declaration declaration = { 0 };
		CLEANUP(text_free) struct text reason = TEXT_EMPTY;

		print_message("row: %s\n", lines[i][0]);
		assert_true(read_line(lines[i][0], "x", &declaration, &plan, &reason) < 0);
		assert_string_equal(text_string(&reason), lines[i][1]);
		assert_null(declaration.body);
	}
}

static void answers(void **state UNUSED)
{
	static const char good[] =
		"[{\"Id\":\"00\",\"Names\":[\"/web\"],\"State\":\"running\",\"Labels\":"
		"{\"mkinitrd.declared\":\"web\",\"mkinitrd.declaration\":\"ab\"}}]";
	static const char *const bad[] = {
		"",
		"{}",
		"[{}]",
		"[1]",
		"[{\"Id\":\"00\",\"Names\":[\"/web\"]}]",
		"[{\"Id\":\"00\",\"Names\":[],\"Labels\":{\"mkinitrd.declared\":\"\"}}]",
	};
	CLEANUP(docker_containers_free)
	struct docker_containers containers = DOCKER_CONTAINERS_EMPTY;

	assert_int_equal(docker_containers_parse(good, strlen(good), &containers), 0);
	assert_int_equal(containers.count, 1);
	assert_string_equal(containers.items[0].name, "web");
	assert_string_equal(containers.items[0].hash, "ab");
	assert_string_equal(containers.items[0].image, "");
	assert_true(containers.items[0].is_running);
	docker_containers_free(&containers);
	assert_int_equal(docker_containers_parse("[]", 2, &containers), 0);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		print_message("row: %s\n", bad[i]);
		assert_int_equal(docker_containers_parse(bad[i], strlen(bad[i]), &containers),
				 -EPROTO);
		assert_int_equal(containers.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports),   cmocka_unit_test(forms),
		cmocka_unit_test(request), cmocka_unit_test(environment),
		cmocka_unit_test(hashes),  cmocka_unit_test(bad_lines),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
