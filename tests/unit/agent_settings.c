/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_settings.c - dockerd's settings in its file and on its command line; names of devices
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "init/daemon_json.h"
#include "init/lib/find.h"

static void test_OD_21_conflict(void **state)
{
	static const struct {
		const char *json;
		const char *words[4];
		const char *key, *word;
	} rows[] = {
		{ "{}", { "dockerd", "--debug" }, NULL, NULL },
		{ "{\"debug\": true}", { "dockerd", "--debug" }, "debug", "--debug" },
		{ "{\"debug\": true}", { "dockerd", "-D" }, "debug", "-D" },
		{ "{\"log-level\": \"warn\"}",
		  { "dockerd", "--log-level=info" },
		  "log-level",
		  "--log-level=info" },
		{ "{\"log-level\": \"warn\"}", { "dockerd", "-l", "info" }, "log-level", "-l" },
		{ "{\"labels\": []}", { "dockerd", "--label=a=b" }, "labels", "--label=a=b" },
		{ "{\"hosts\": []}", { "dockerd", "-H", "fd://" }, "hosts", "-H" },
		{ "{\"hosts\": []}", { "dockerd", "--host", "fd://" }, "hosts", "--host" },
		{ "{\"runtimes\": {}}",
		  { "dockerd", "--add-runtime=a=b" },
		  "runtimes",
		  "--add-runtime=a=b" },
		{ "{\"insecure-registries\": []}",
		  { "dockerd", "--insecure-registry=a" },
		  "insecure-registries",
		  "--insecure-registry=a" },
		{ "{\"data-root\": \"/a\"}", { "dockerd", "-g", "/b" }, "data-root", "-g" },
		/* others that only look alike */
		{ "{\"log-driver\": \"local\", \"log\": 1}",
		  { "dockerd", "--log-level=warn" },
		  NULL,
		  NULL },
		{ "{\"dns\": []}", { "dockerd", "--dns-opt=a" }, NULL, NULL },
		{ "{\"dns-opts\": []}", { "dockerd", "--dns=a" }, NULL, NULL },
		{ "{\"\": 1, \"s\": 1}", { "dockerd", "--", "-", "" }, NULL, NULL },
		{ "{\"exec-opts\": []}", { "dockerd", "--exec-root=/a", "exec-opts" }, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		json_t *object = json_loads(rows[i].json, 0, NULL);
		char *words[5] = { NULL };
		const char *word = NULL, *key;

		print_message("row: %s %s\n", rows[i].json, rows[i].words[1]);
		assert_non_null(object);
		for (size_t j = 0; j < COUNT_OF(rows[i].words) && rows[i].words[j]; j++) {
			words[j] = strdup(rows[i].words[j]);
			assert_non_null(words[j]);
		}
		key = daemon_json_conflict(object, words, &word);
		if (rows[i].key) {
			assert_non_null(key);
			assert_string_equal(key, rows[i].key);
			assert_string_equal(word, rows[i].word);
		} else {
			assert_null(key);
		}
		for (size_t j = 0; words[j]; j++)
			free(words[j]);
		json_decref(object);
	}
}

static void test_DL_18_every_socket(void **state)
{
	char dockerd[] = "dockerd", h[] = "-H", one[] = "unix:///1", host[] = "--host=unix:///2",
	     long_host[] = "--host", three[] = "unix:///3", config[] = "--config-file=/other.json",
	     last[] = "-H";
	char *words[] = { dockerd, h, one, host, long_host, three, config, last, NULL };
	static const char *const expected[] = { "unix:///1", "unix:///2", "unix:///3",
						"unix:///4" };
	CLEANUP(strings_free) struct strings texts = STRINGS_EMPTY;
	json_t *object =
		json_loads("{\"hosts\": [\"unix:///4\", 5], \"pidfile\": \"/p\"}", 0, NULL);

	(void)state;
	assert_int_equal(daemon_json_texts(object, words, "hosts", &texts), 0);
	assert_int_equal(texts.count, COUNT_OF(expected));
	for (size_t i = 0; i < COUNT_OF(expected); i++)
		assert_string_equal(texts.items[i], expected[i]);
	assert_int_equal(daemon_json_texts(object, words, "pidfile", &texts), 0);
	assert_string_equal(texts.items[COUNT_OF(expected)], "/p");
	assert_int_equal(daemon_json_texts(NULL, words, "data-root", &texts), 0);
	assert_int_equal(texts.count, COUNT_OF(expected) + 1);
	assert_string_equal(daemon_json_place(words), "/other.json");
	assert_string_equal(daemon_json_place(&words[7]), "/etc/docker/daemon.json");
	json_decref(object);
}

static void test_OD_6_find(void **state)
{
	static const struct {
		const char *text;
		bool is_good;
		enum find_kind kind;
		const char *value;
	} rows[] = {
		{ "LABEL=DOCKER", true, FIND_LABEL, "DOCKER" },
		{ "LABEL=a b=c", true, FIND_LABEL, "a b=c" },
		{ "UUID=12-34", true, FIND_UUID, "12-34" },
		{ "PARTLABEL=x", true, FIND_PART_LABEL, "x" },
		{ "PARTUUID=x", true, FIND_PART_UUID, "x" },
		{ "virtio-disk1", true, FIND_SERIAL, "disk1" },
		{ "/dev/disk/by-id/virtio-disk1-part2", true, FIND_SERIAL, "disk1-part2" },
		{ "/dev/disk/by-label/x", true, FIND_LABEL, "x" },
		{ "/dev/disk/by-uuid/x", true, FIND_UUID, "x" },
		{ "/dev/disk/by-partlabel/x", true, FIND_PART_LABEL, "x" },
		{ "/dev/disk/by-partuuid/x", true, FIND_PART_UUID, "x" },
		{ "/dev/vda1", true, FIND_PATH, "/dev/vda1" },
		{ "/dev/disk/by-path/x", true, FIND_PATH, "/dev/disk/by-path/x" },
		{ "none", true, FIND_NONE, "none" },
		{ "", false, FIND_NONE, NULL },
		{ "LABEL=", false, FIND_NONE, NULL },
		{ "/dev/", false, FIND_NONE, NULL },
		{ "virtio-", false, FIND_NONE, NULL },
		{ "label=x", false, FIND_NONE, NULL },
		{ "vda", false, FIND_NONE, NULL },
		{ "nonesuch", false, FIND_NONE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		enum find_kind kind = FIND_NONE;
		const char *value = NULL;

		print_message("row: '%s'\n", rows[i].text);
		assert_int_equal(find_parse(rows[i].text, &kind, &value), rows[i].is_good);
		if (!rows[i].is_good)
			continue;
		assert_int_equal(kind, rows[i].kind);
		assert_string_equal(value, rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_OD_21_conflict),
		cmocka_unit_test(test_DL_18_every_socket),
		cmocka_unit_test(test_OD_6_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
