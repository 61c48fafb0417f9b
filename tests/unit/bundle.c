/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.c - which paths a bundle may have; archives cut anywhere; keys and signatures
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "init/bundle.h"
#include "init/lib/bundle_path.h"

#define LONG_NAME                                                          \
	"0123456789012345678901234567890123456789012345678901234567890123" \
	"0123456789012345678901234567890123456789012345678901234567890123"

static void test_paths(void **state UNUSED)
{
	static const struct {
		const char *path;
		bool is_directory, is_good;
	} rows[] = {
		{ "etc/hostname", false, true },
		{ "a", false, true },
		{ "etc/..hidden", false, true },
		{ "etc/...", false, true },
		{ "inits", false, true },
		{ "usr/lib/mkinitrd-more", false, true },
		{ "usr/lib/mkinitrd", true, true },
		{ "run", true, true },
		{ "etc/run", false, true },
		{ "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", false, true },
		{ "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a", false,
		  false },
		{ LONG_NAME, false, true },
		{ LONG_NAME LONG_NAME, false, false },
		{ "", false, false },
		{ "/etc", false, false },
		{ "etc/", false, false },
		{ "etc//a", false, false },
		{ ".", false, false },
		{ "..", false, false },
		{ "etc/../a", false, false },
		{ "etc/./a", false, false },
		{ "etc/..", false, false },
		{ "init", false, false },
		{ "init", true, true },
		{ "init/a", false, false },
		{ "usr/lib/mkinitrd", false, false },
		{ "usr/lib/mkinitrd/agent", false, false },
		{ "usr/lib/mkinitrd/more", true, false },
		{ "dev/sda", false, false },
		{ "proc/1", false, false },
		{ "sys/a", false, false },
		{ "run/a", false, false },
		{ "tmp/a", false, false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("row: '%s'\n", rows[i].path);
		assert_int_equal(bundle_path_problem(rows[i].path, rows[i].is_directory) == NULL,
				 rows[i].is_good);
	}
}

/* one entry, as the kernel's description of newc has it */
static void add(struct text *archive, const char *name, unsigned mode, const char *content)
{
	size_t size = strlen(content);

	text_format(archive, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 1,
		    mode, 0, 0, 1, 0, size, 0, 0, 0, 0, strlen(name) + 1, 0);
	text_add_bytes(archive, name, strlen(name) + 1);
	while (archive->length % 4)
		text_add_char(archive, '\0');
	text_add(archive, content);
	while (archive->length % 4)
		text_add_char(archive, '\0');
}

static void make(struct text *archive)
{
	/* echo -n web1 | sha256sum */
	add(archive, "etc", 040755, "");
	add(archive, "etc/hostname", 0100644, "web1");
	add(archive, "etc/to", 0120777, "hostname");
	add(archive, "usr/lib/mkinitrd/manifest.json", 0100644,
	    "{\"format\":1,\"entries\":[{\"path\":\"etc/"
	    "to\",\"type\":\"symlink\",\"mode\":\"0777\","
	    "\"uid\":0,\"gid\":0,\"target\":\"hostname\"},{\"path\":\"etc\",\"type\":\"directory\","
	    "\"mode\":\"0755\",\"uid\":0,\"gid\":0},{\"path\":\"etc/hostname\",\"type\":\"file\","
	    "\"mode\":\"0644\",\"uid\":0,\"gid\":0,\"size\":4,\"sha256\":"
	    "\"659a7fb2af476fae688d711213d91dc1550a37f0395a00a6f7bacb78ece3666b\"}]}");
	add(archive, "usr/lib/mkinitrd/complete", 0100444, "");
	add(archive, "TRAILER!!!", 0, "");
}

static int parse(const char *bytes, size_t length)
{
	CLEANUP(bundle_free) struct bundle bundle = BUNDLE_EMPTY;
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	/* no byte more than there is, which ASan guards */
	CLEANUP(memory_free) char *copy = malloc(length + 1);
	int r;

	if (!copy)
		return -ENOMEM;
	memcpy(copy + 1, bytes, length);
	r = bundle_parse(&bundle, copy + 1, length, &why);
	if (r == 0)
		r = bundle_check_manifest(&bundle, &why);
	assert_int_equal(r == 0, why.length == 0);
	return r;
}

/* any part of it is an error, and so is any archive behind it */
static void test_cut(void **state UNUSED)
{
	CLEANUP(text_free) struct text archive = TEXT_EMPTY;
	size_t whole;

	make(&archive);
	assert_int_equal(parse(archive.data, archive.length), 0);
	whole = archive.length - 1; /* padding may be missing at the end */
	while (archive.data[whole - 1] == '\0' && archive.data[whole - 2] == '\0')
		whole--;
	for (size_t length = 0; length < whole; length++)
		assert_int_equal(parse(archive.data, length), -EBADMSG);
	for (size_t i = 0; i < 512; i++)
		text_add_char(&archive, '\0');
	assert_int_equal(parse(archive.data, archive.length), 0);
	make(&archive);
	assert_int_equal(parse(archive.data, archive.length), -EBADMSG);
}

static void test_kinds(void **state UNUSED)
{
	static const struct {
		const char *name;
		unsigned mode;
		const char *content;
	} rows[] = {
		{ "etc/a", 0140644, "" },
		{ "etc/a", 0020644, "" },
		{ "etc/a", 0060644, "" },
		{ "etc/a", 0010644, "" },
		{ "etc/a", 0, "" },
		{ "etc/a", 0200100644, "" },
		{ "etc/a", 0040755, "content" },
		{ "etc/a", 0120777, "" },
		{ "../a", 0100644, "" },
		{ "/a", 0100644, "" },
		{ "init", 0100755, "" },
		{ "usr/lib/mkinitrd/complete", 0100644, "" },
		{ "usr/lib/mkinitrd/manifest.json", 0120777, "a" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_free) struct text archive = TEXT_EMPTY;

		print_message("row: '%s' %o\n", rows[i].name, rows[i].mode);
		add(&archive, rows[i].name, rows[i].mode, rows[i].content);
		make(&archive);
		assert_int_equal(parse(archive.data, archive.length), -EBADMSG);
	}
}

/* test 2 of RFC 8032 section 7.1 */
static void test_signature(void **state UNUSED)
{
	static const char key[] =
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
	static const unsigned char signature[] = {
		0x92, 0xa0, 0x09, 0xa9, 0xf0, 0xd4, 0xca, 0xb8, 0x72, 0x0e, 0x82, 0x0b, 0x5f,
		0x64, 0x25, 0x40, 0xa2, 0xb2, 0x7b, 0x54, 0x16, 0x50, 0x3f, 0x8f, 0xb3, 0x76,
		0x22, 0x23, 0xeb, 0xdb, 0x69, 0xda, 0x08, 0x5a, 0xc1, 0xe4, 0x3e, 0x15, 0x99,
		0x6e, 0x45, 0x8f, 0x36, 0x13, 0xd0, 0xf1, 0x1d, 0x8c, 0x38, 0x7b, 0x2e, 0xae,
		0xb4, 0x30, 0x2a, 0xee, 0xb0, 0x0d, 0x29, 0x16, 0x12, 0xbb, 0x0c, 0x00,
	};
	static const struct {
		const char *key;
		const char *message;
		size_t length;
		int result;
	} rows[] = {
		{ key, "\x72", 64, 0 },
		{ key, "\x73", 64, -EKEYREJECTED },
		{ key, "\x72", 63, -EKEYREJECTED },
		{ key, "\x72", 0, -EKEYREJECTED },
		{ "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660d", "\x72", 64,
		  -EKEYREJECTED },
		{ "3d40", "\x72", 64, -EINVAL },
		{ "", "\x72", 64, -EINVAL },
		{ "xd4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "\x72", 64,
		  -EINVAL },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(text_free) struct text given = TEXT_EMPTY;
		CLEANUP(text_free) struct text why = TEXT_EMPTY;

		print_message("row: %zu\n", i);
		text_add_bytes(&given, signature, rows[i].length);
		assert_int_equal(
			bundle_check_signature(rows[i].key, &given, rows[i].message, 1, &why),
			rows[i].result);
		assert_int_equal(why.length == 0, rows[i].result == 0);
	}
}

static void test_hostname(void **state UNUSED)
{
	static const struct {
		const char *content, *hostname;
		int result;
	} rows[] = {
		{ "web1", "web1", 0 },
		{ "web1\n", "web1", 0 },
		{ "web-1.example.org\nmore\n", "web-1.example.org", 0 },
		{ "", NULL, -EBADMSG },
		{ "\nweb1", NULL, -EBADMSG },
		{ "-web", NULL, -EBADMSG },
		{ ".web", NULL, -EBADMSG },
		{ "web 1", NULL, -EBADMSG },
		{ "web\x1b[2J", NULL, -EBADMSG },
		{ LONG_NAME, NULL, -EBADMSG },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char path[] = "etc/hostname";
		struct bundle_entry entry = { .path = path,
					      .mode = S_IFREG | 0644,
					      .content = (const unsigned char *)rows[i].content,
					      .size = strlen(rows[i].content) };
		const struct bundle bundle = { .entries = &entry, .count = 1 };
		CLEANUP(memory_free) char *hostname = NULL;
		CLEANUP(text_free) struct text why = TEXT_EMPTY;

		print_message("row: '%s'\n", rows[i].content);
		assert_int_equal(bundle_hostname(&bundle, &hostname, &why), rows[i].result);
		if (rows[i].hostname)
			assert_string_equal(hostname, rows[i].hostname);
		else
			assert_null(hostname);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),    cmocka_unit_test(test_cut),
		cmocka_unit_test(test_kinds),    cmocka_unit_test(test_signature),
		cmocka_unit_test(test_hostname),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
