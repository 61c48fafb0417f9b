/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_metadata.c - the answers of a metadata service: what is taken, what is refused
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "init/agent_metadata.h"
#include "init/lib/host_name.h"

#define BLOB "AAAAC3NzaC1lZDI1NTE5AAAAIJ0dZ3r3"
#define KEYS(list) "{\"users\": {\"root\": [" list "]}}"

/* what is taken; NULL: -EPROTO */
// clang-format off
static const struct row {
	const char *bytes, *taken;
} token_rows[] = {
	{ "abc",           "abc" },
	{ "abc\r\n",       "abc" },
	{ "[\"abc\"]",     "abc" },
	{ "[\"a\", \"b\"]", NULL },
	{ "[]",            NULL },
	{ "[1]",           NULL },
	{ "[\"a b\"]",     NULL },
	{ "[\"a\\r\\nX: y\"]", NULL },
	{ "{\"a\": 1}",    NULL },
	{ "a b",           NULL },
	{ "a\x80",         NULL },
	{ "",              NULL },
}, label_rows[] = {
	{ "{\"label\": \"web\"}",     "web" },
	{ "{\"label\": \"web_1.a\"}", "web-1.a" },
	{ "{\"label\": \"-web\"}",    NULL },
	{ "{\"label\": \"_web\"}",    NULL },
	{ "{\"label\": \"\"}",        NULL },
	{ "{\"label\": 1}",           NULL },
	{ "{\"label\": \"a/b\"}",     NULL },
	{ "{}",                       NULL },
	{ "web",                      NULL },
}, keys_rows[] = {
	{ KEYS(""),                                          "" },
	{ KEYS("\"ssh-ed25519 " BLOB "\""),                  "ssh-ed25519 " BLOB "\n" },
	{ KEYS("\"ssh-rsa " BLOB "= a b\", \"ssh-rsa " BLOB "= a b\""), "ssh-rsa " BLOB "= a b\n" },
	{ KEYS("\"sk-ssh-ed25519@openssh.com " BLOB " x\""),
	  "sk-ssh-ed25519@openssh.com " BLOB " x\n" },
	{ KEYS("\"command=\\\"x\\\" ssh-rsa " BLOB "\""),    NULL },
	{ KEYS("\"ssh-rsa\\tcommand " BLOB "\""),            NULL },
	{ KEYS("\"ssh-rsa " BLOB "\\nssh-rsa " BLOB "\""),   NULL },
	{ KEYS("\"ssh-rsa " BLOB "#x\""),                    NULL },
	{ KEYS("\"ssh-rsa short\""),                         NULL },
	{ KEYS("\"# a comment\""),                           NULL },
	{ KEYS("1"),                                         NULL },
	{ "{\"users\": {\"root\": \"ssh-rsa " BLOB "\"}}",   NULL },
	{ "{\"users\": []}",                                 NULL },
	{ "{}",                                              NULL },
	{ "",                                                NULL },
}, data_rows[] = {
	{ "",              "" },
	{ "YQ==",          "a" },
	{ "YWI=\n",        "ab" },
	{ "YWJj",          "abc" },
	{ "YW\r\nJjZA==",  "abcd" },
	{ "Y",             NULL },
	{ "YQ",            NULL },
	{ "YQ=",           NULL },
	{ "YQ===",         NULL },
	{ "YQ==YQ==",      NULL },
	{ "=",             NULL },
	{ "YWJj=",         NULL },
	{ "YW-_",          NULL },
};
// clang-format on

static void check(const struct row *row, int result, const char *taken)
{
	print_message("row: '%s'\n", row->bytes);
	assert_int_equal(result, row->taken ? 0 : -EPROTO);
	if (row->taken)
		assert_string_equal(taken, row->taken);
}

static void tokens(void **state UNUSED)
{
	char longest[5000];

	for (size_t i = 0; i < COUNT_OF(token_rows); i++) {
		CLEANUP(memory_free) char *token = NULL;
		const char *bytes = token_rows[i].bytes;
		int r = metadata_token_parse(bytes, strlen(bytes), &token);

		check(&token_rows[i], r, token);
	}
	memset(longest, 'a', sizeof(longest));
	assert_int_equal(metadata_token_parse(longest, sizeof(longest), NULL), -EPROTO);
	assert_int_equal(metadata_token_parse("a\0b", 3, NULL), -EPROTO);
}

static void labels(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(label_rows); i++) {
		CLEANUP(memory_free) char *name = NULL;
		const char *bytes = label_rows[i].bytes;
		int r = metadata_label_parse(bytes, strlen(bytes), &name);

		check(&label_rows[i], r, name);
	}
}

static void keys(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(keys_rows); i++) {
		CLEANUP(strings_free) struct strings list = STRINGS_EMPTY;
		CLEANUP(text_free) struct text lines = TEXT_EMPTY;
		const char *bytes = keys_rows[i].bytes;
		int r = metadata_keys_parse(bytes, strlen(bytes), &list);

		for (size_t j = 0; j < list.count; j++)
			text_format(&lines, "%s\n", list.items[j]);
		check(&keys_rows[i], r, text_string(&lines));
	}
}

static void data(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(data_rows); i++) {
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		const char *bytes = data_rows[i].bytes;
		int r = metadata_data_parse(bytes, strlen(bytes), &text);

		check(&data_rows[i], r, text_string(&text));
	}
	{
		CLEANUP(text_free) struct text text = TEXT_EMPTY;

		assert_int_equal(metadata_data_parse("AP8A", 4, &text), 0);
		assert_int_equal(text.length, 3);
		assert_memory_equal(text.data, "\0\xff\0", 3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens),
		cmocka_unit_test(labels),
		cmocka_unit_test(keys),
		cmocka_unit_test(data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
