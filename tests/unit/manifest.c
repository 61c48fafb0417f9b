/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.c - additions, conflicts, chains of reasons, the exact JSON form
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "mkinitrd/manifest.h"

#define AT(line_number)                     \
	{                                   \
		"test.yaml", line_number, 3 \
	}

/* a file whose content is @content, or a directory, or a symlink */
static int add(struct manifest *manifest, const char *path, enum entry_type type,
	       const char *content, bool is_named, const char *by, unsigned line)
{
	struct addition addition = {
		.path = path,
		.type = type,
		.mode = type == ENTRY_DIRECTORY ? 0755 : 0644,
		.source.directory_fd = -1,
		.is_named = is_named,
		.relation = by ? "library" : "file",
		.by = by,
		.at = AT(line),
	};
	char label[] = "test";

	if (by)
		addition.at = (struct origin){ 0 };
	if (type == ENTRY_SYMLINK)
		addition.target = content;
	if (type == ENTRY_FILE) {
		addition.source.kind = SOURCE_CONTENT;
		addition.source.path = label;
		addition.source.bytes = strdup(content);
		addition.source.byte_count = strlen(content);
	}
	return manifest_add(manifest, &addition, NULL);
}

static const struct {
	const char *name;
	const char *first, *second;
	const char *content; /* afterwards */
	enum entry_type first_type, second_type;
	bool first_named, second_named;
	int result;
} rows[] = {
	{ "same", "a", "a", "a", ENTRY_FILE, ENTRY_FILE, false, false, 0 },
	{ "other bytes", "a", "b", "a", ENTRY_FILE, ENTRY_FILE, false, false, -EEXIST },
	{ "named wins later", "a", "b", "b", ENTRY_FILE, ENTRY_FILE, false, true, 1 },
	{ "named stays", "a", "b", "a", ENTRY_FILE, ENTRY_FILE, true, false, 0 },
	{ "two named", "a", "b", "a", ENTRY_FILE, ENTRY_FILE, true, true, -EEXIST },
	{ "two named alike", "a", "a", "a", ENTRY_FILE, ENTRY_FILE, true, true, 0 },
	{ "named alike", "a", "a", "a", ENTRY_FILE, ENTRY_FILE, false, true, 0 },
	{ "file and symlink", "a", "a", "a", ENTRY_FILE, ENTRY_SYMLINK, false, false, -EEXIST },
	{ "symlinks", "a", "b", NULL, ENTRY_SYMLINK, ENTRY_SYMLINK, false, false, -EEXIST },
	{ "directories", NULL, NULL, NULL, ENTRY_DIRECTORY, ENTRY_DIRECTORY, false, true, 0 },
};

static void a_second_addition_joins_wins_or_conflicts(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
		const struct entry *entry;

		print_message("row: %s\n", rows[i].name);
		assert_int_equal(add(manifest, "x", rows[i].first_type, rows[i].first,
				     rows[i].first_named, NULL, 1),
				 1);
		assert_int_equal(add(manifest, "x", rows[i].second_type, rows[i].second,
				     rows[i].second_named, NULL, 2),
				 rows[i].result);
		assert_int_equal(manifest_count(manifest), 1);
		entry = manifest_find(manifest, "x");
		assert_int_equal(entry->reason_count, rows[i].result < 0 ? 1 : 2);
		if (rows[i].content)
			assert_string_equal(entry->source.bytes, rows[i].content);
	}
}

static const char *const bad_paths[] = {
	"", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\xff", MANIFEST_PATH, COMPLETE_PATH,
};

static void paths_that_an_image_cannot_hold_are_refused(void **state UNUSED)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();

	for (size_t i = 0; i < COUNT_OF(bad_paths); i++) {
		print_message("row: '%s'\n", bad_paths[i]);
		assert_true(add(manifest, bad_paths[i], ENTRY_FILE, "x", true, NULL, 1) < 0);
	}
	assert_int_equal(manifest_count(manifest), 0);
}

static mode_t mode_of(const char *path, void *context UNUSED)
{
	return text_equal(path, "root") ? 0700 : 0755;
}

static void parents_are_added_and_come_first(void **state UNUSED)
{
	static const char *const expected[] = { "a", "a-b", "a/b", "a/b/c", "root", "root/x" };
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();

	assert_int_equal(add(manifest, "root/x", ENTRY_FILE, "", false, NULL, 1), 1);
	assert_int_equal(add(manifest, "a/b/c", ENTRY_FILE, "", false, NULL, 2), 1);
	assert_int_equal(add(manifest, "a-b", ENTRY_FILE, "", false, NULL, 3), 1);
	assert_int_equal(manifest_finish(manifest, mode_of, NULL), 0);
	assert_int_equal(manifest_count(manifest), COUNT_OF(expected));
	for (size_t i = 0; i < COUNT_OF(expected); i++) {
		assert_string_equal(manifest_at(manifest, i)->path, expected[i]);
		assert_ptr_equal(manifest_find(manifest, expected[i]), manifest_at(manifest, i));
	}
	assert_int_equal(manifest_find(manifest, "root")->mode, 0700);
	assert_string_equal(manifest_find(manifest, "a")->reasons[0].by, "a/b/c");
	assert_null(manifest_find(manifest, "a/b/c/d"));
}

static void nothing_is_below_a_symlink(void **state UNUSED)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();

	assert_int_equal(add(manifest, "bin", ENTRY_SYMLINK, "usr/bin", false, NULL, 1), 1);
	assert_int_equal(add(manifest, "bin/ls", ENTRY_FILE, "", false, NULL, 2), 1);
	assert_int_equal(manifest_finish(manifest, NULL, NULL), -ENOTDIR);
}

static void chains_are_short_and_survive_cycles(void **state UNUSED)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	CLEANUP(text_free) struct text text = TEXT_EMPTY;

	/* a and b want each other; only program is wanted by a line */
	assert_int_equal(add(manifest, "a", ENTRY_FILE, "", false, "b", 0), 1);
	assert_int_equal(add(manifest, "b", ENTRY_FILE, "", false, "a", 0), 1);
	assert_int_equal(add(manifest, "b", ENTRY_FILE, "", false, "program", 0), 0);
	assert_int_equal(add(manifest, "program", ENTRY_FILE, "", true, NULL, 12), 1);
	assert_int_equal(add(manifest, "lost", ENTRY_FILE, "", false, "nobody", 0), 1);
	assert_int_equal(manifest_finish(manifest, NULL, NULL), 0);

	manifest_chain(manifest, manifest_find(manifest, "a"), true, &text);
	assert_string_equal(text_string(&text),
			    "library of b <- library of program <- file (test.yaml:12)");
	text_clear(&text);
	manifest_chain(manifest, manifest_find(manifest, "a"), false, &text);
	assert_string_equal(text_string(&text),
			    "  library of b\n  library of program\n  file (test.yaml:12)\n");
	text_clear(&text);
	manifest_chain(manifest, manifest_find(manifest, "lost"), true, &text);
	assert_string_equal(text_string(&text), "library of nobody");
}

/* one of everything that an entry can say */
static const char full[] =
	"{\"format\":1,\"profile\":\"only-docker\",\"release\":\"6.1.0\",\"entries\":[\n"
	"{\"path\":\"bin\",\"type\":\"symlink\",\"mode\":\"0777\",\"uid\":0,\"gid\":0,"
	"\"target\":\"usr/bin\",\"reasons\":[{\"relation\":\"symlink\",\"by\":\"usr/x\"}]},\n"
	"{\"path\":\"usr\",\"type\":\"directory\",\"mode\":\"1755\",\"uid\":5,\"gid\":4294967295,"
	"\"reasons\":[{\"relation\":\"parent directory\",\"by\":\"usr/x\"}]},\n"
	"{\"path\":\"usr/x\",\"type\":\"file\",\"mode\":\"4755\",\"uid\":0,\"gid\":0,"
	"\"size\":4294967296,\"sha256\":"
	"\"00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff\","
	"\"capabilities\":\"cap_chown,cap_bpf=ep cap_kill=i [rootid=5]\","
	"\"xattrs\":{\"trusted.x\":\"\",\"user.origin\":\"00ff\"},"
	"\"source\":{\"kind\":\"root\",\"path\":\"/usr/x.ko.xz\",\"unpacked\":true},"
	"\"reasons\":[{\"relation\":\"boot plan\"},{\"relation\":\"set\",\"at\":\"--set\"},"
	"{\"relation\":\"program 'x'\",\"at\":\"base.yaml:3\"},"
	"{\"relation\":\"program 'x'\",\"at\":\"base.yaml:3:9\"}]},\n"
	"{\"path\":\"usr/y\",\"type\":\"file\",\"mode\":\"4755\",\"uid\":0,\"gid\":0,"
	"\"size\":4294967296,\"sha256\":"
	"\"00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff\","
	"\"link\":\"usr/x\",\"source\":{\"kind\":\"tree\",\"path\":\"base:usr/y\"},"
	"\"reasons\":[{\"relation\":\"tree 'base'\",\"at\":\"base.yaml:4\"}]},\n"
	"{\"path\":\"usr/z\",\"type\":\"block device\",\"mode\":\"0600\",\"uid\":0,\"gid\":6,"
	"\"device\":[259,1048575],\"reasons\":[{\"relation\":\"tree 'base'\"}]},\n"
	"{\"path\":\"usr/\xc3\xa4 "
	"\\n\\\"\",\"type\":\"file\",\"mode\":\"0644\",\"uid\":0,\"gid\":0,"
	"\"source\":{\"kind\":\"none\"},\"reasons\":[{\"relation\":\"file\",\"at\":\"a:b:7\"}]}\n"
	"]}\n";

static void json_to_manifest_to_json_is_the_identity(void **state UNUSED)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
	CLEANUP(memory_free) char *release = NULL;
	CLEANUP(memory_free) char *profile = NULL;
	CLEANUP(memory_free) char *error = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	const struct entry *entry;

	assert_int_equal(
		manifest_from_json(full, strlen(full), &manifest, &release, &profile, &error), 0);
	assert_null(error);
	assert_string_equal(release, "6.1.0");
	entry = manifest_find(manifest, "usr/x");
	assert_int_equal(entry->mode, 04755);
	assert_int_equal(entry->size, UINT64_C(4294967296));
	assert_true(entry->is_hashed && entry->source.decompress);
	assert_string_equal(entry->reasons[3].at.file, "base.yaml");
	assert_int_equal(entry->reasons[3].at.line, 3);
	assert_int_equal(entry->reasons[3].at.column, 9);
	assert_int_equal(entry->nlink, 2);
	assert_int_equal(entry->xattrs.count, 2);
	assert_memory_equal(entry->xattrs.items[1].value, "\0\xff", 2);
	assert_ptr_equal(manifest_find(manifest, "usr/y")->link, entry);
	assert_int_equal(manifest_find(manifest, "usr/y")->nlink, 2);
	assert_int_equal(manifest_find(manifest, "usr/z")->device_minor, 1048575);
	assert_int_equal(manifest_to_json(manifest, release, profile, &text), 0);
	assert_string_equal(text_string(&text), full);
}

static void the_order_of_discovery_does_not_show(void **state UNUSED)
{
	CLEANUP(text_free) struct text forwards = TEXT_EMPTY;
	CLEANUP(text_free) struct text backwards = TEXT_EMPTY;
	static const struct {
		const char *path, *by;
	} additions[] = {
		{ "usr/lib/c", "usr/bin/b" }, { "usr/lib/c", "usr/bin/a" },
		{ "usr/bin/a", NULL },        { "usr/bin/b", NULL },
		{ "usr/lib/c", NULL },        { "lib/d", "usr/lib/c" },
	};

	for (int pass = 0; pass < 2; pass++) {
		CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();

		for (size_t i = 0; i < COUNT_OF(additions); i++) {
			size_t at = pass ? COUNT_OF(additions) - 1 - i : i;

			assert_true(add(manifest, additions[at].path, ENTRY_FILE, "", false,
					additions[at].by, (unsigned)at) >= 0);
		}
		assert_int_equal(manifest_finish(manifest, NULL, NULL), 0);
		assert_int_equal(
			manifest_to_json(manifest, "r", "p", pass ? &backwards : &forwards), 0);
	}
	assert_string_equal(text_string(&forwards), text_string(&backwards));
}

/* an entry around which each row puts something wrong */
#define HEAD "{\"format\":1,\"profile\":\"p\",\"release\":\"r\",\"entries\":["
#define OWNER "\"mode\":\"0755\",\"uid\":0,\"gid\":0"
#define WHY "\"reasons\":[{\"relation\":\"x\"}]"
#define DIRECTORY(path) "{\"path\":\"" path "\",\"type\":\"directory\"," OWNER "," WHY "}"

static const struct {
	const char *json, *error;
} bad_rows[] = {
	{ "", "line 1: '[' or '{' expected near end of file" },
	{ "[]", "not of the format that this version knows" },
	{ "{\"format\":2}", "not of the format that this version knows" },
	{ HEAD "],\"more\":1}", "1 object item(s) left unpacked: more" },
	{ HEAD "1]}", "entry 1: an entry is not of the form" },
	{ HEAD DIRECTORY("../a") "]}", "entry 1: a path is not of the form" },
	{ HEAD DIRECTORY("/a") "]}", "entry 1: a path is not of the form" },
	{ HEAD DIRECTORY("b") "," DIRECTORY("a") "]}", "entry 2: paths are not sorted and unique" },
	{ HEAD DIRECTORY("b") "," DIRECTORY("b") "]}", "entry 2: paths are not sorted and unique" },
	{ HEAD DIRECTORY(MANIFEST_PATH) "]}", "entry 1: the manifest lists itself" },
	{ HEAD "{\"path\":\"a\",\"type\":\"pipe\"," OWNER "," WHY "}]}",
	  "entry 1: a type is not known" },
	{ HEAD "{\"path\":\"a\",\"type\":\"symlink\"," OWNER "," WHY "}]}",
	  "entry 1: a target is not right" },
	{ HEAD "{\"path\":\"a\",\"type\":\"file\"," OWNER "," WHY "}]}",
	  "entry 1: size, sha256 or source is not right" },
	{ HEAD "{\"path\":\"a\",\"type\":\"directory\"," OWNER ",\"reasons\":[]}]}",
	  "entry 1: an entry has no reason" },
	{ HEAD "{\"path\":\"a\",\"type\":\"directory\"," OWNER ",\"reasons\":[{}]}]}",
	  "entry 1: a reason is not of the form" },
	{ HEAD "{\"path\":\"a\",\"type\":\"directory\",\"mode\":\"755\",\"uid\":0,\"gid\":0," WHY
	       "}]}",
	  "entry 1: a mode is not of the form \"0755\"" },
	{ HEAD "{\"path\":\"a\",\"type\":\"directory\",\"mode\":\"0755\",\"uid\":-1,\"gid\":0," WHY
	       "}]}",
	  "entry 1: an owner is out of range" },
	{ HEAD "{\"path\":\"a\",\"type\":\"directory\"," OWNER ",\"capabilities\":\"=p\"," WHY
	       "}]}",
	  "entry 1: capabilities are not of the form" },
	{ HEAD "{\"path\":\"a\",\"type\":\"file\"," OWNER ",\"capabilities\":\"\\u001b[2J\","
	       "\"source\":{\"kind\":\"none\"}," WHY "}]}",
	  "entry 1: capabilities are not of the form" },
	{ HEAD "{\"path\":\"a\",\"type\":\"directory\"," OWNER ",\"xattrs\":{\"user.a\":\"0\"}," WHY
	       "}]}",
	  "entry 1: xattrs are not of the form" },
	{ HEAD "{\"path\":\"a\",\"type\":\"directory\"," OWNER
	       ",\"xattrs\":{\"user.a\":\"0G\"}," WHY "}]}",
	  "entry 1: xattrs are not of the form" },
	{ HEAD "{\"path\":\"a\",\"type\":\"directory\"," OWNER ",\"xattrs\":[]," WHY "}]}",
	  "entry 1: xattrs are not of the form" },
	{ HEAD "{\"path\":\"a\",\"type\":\"fifo\"," OWNER ",\"device\":[1,3]," WHY "}]}",
	  "entry 1: a device is not of the form" },
	{ HEAD "{\"path\":\"a\",\"type\":\"character device\"," OWNER "," WHY "}]}",
	  "entry 1: a device is not of the form" },
	{ HEAD "{\"path\":\"a\",\"type\":\"block device\"," OWNER ",\"device\":[1,-3]," WHY "}]}",
	  "entry 1: a device is not of the form" },
	{ HEAD "{\"path\":\"a\",\"type\":\"directory\"," OWNER ",\"link\":\"A\"," WHY "}]}",
	  "entry 1: a link is not right" },
	{ HEAD "{\"path\":\"b\",\"type\":\"file\"," OWNER ",\"link\":\"a\",\"source\":{\"kind\":"
	       "\"none\"}," WHY "}]}",
	  "entry 1: a link is not right" },
	{ HEAD DIRECTORY("a") ",{\"path\":\"b\",\"type\":\"file\"," OWNER
			      ",\"link\":\"a\",\"source\":{\"kind\":\"none\"}," WHY "}]}",
	  "entry 2: a link is not right" },
};

static void hard_links_that_are_left_find_each_other(void **state UNUSED)
{
	static const struct {
		const char *path, *link; /* NULL: none */
		uint32_t group, nlink;
	} links[] = {
		{ "d", "a", 7, 3 }, { "b", NULL, 8, 1 }, { "a", NULL, 7, 3 },
		{ "c", "a", 7, 3 }, { "e", NULL, 0, 1 }, { "named", NULL, 7, 1 },
	};
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();

	for (size_t i = 0; i < COUNT_OF(links); i++) {
		char source[] = "0", label[] = "base:x";

		assert_int_equal(manifest_add(manifest,
					      &(struct addition){
						      .path = links[i].path,
						      .mode = 0644,
						      .link_group = links[i].group,
						      .is_tree = true,
						      .source = { .kind = SOURCE_TREE,
								  .directory_fd = -1,
								  .path = label,
								  .stored = source },
						      .relation = "tree 'base'",
					      },
					      NULL),
				 1);
	}
	assert_int_equal(add(manifest, "named", ENTRY_FILE, "x", true, NULL, 1), 1);
	assert_int_equal(manifest_finish(manifest, NULL, NULL), 0);
	for (size_t i = 0; i < COUNT_OF(links); i++) {
		const struct entry *entry = manifest_find(manifest, links[i].path);

		print_message("row: %s\n", links[i].path);
		assert_int_equal(entry->nlink, links[i].nlink);
		if (links[i].link)
			assert_string_equal(entry->link->path, links[i].link);
		else
			assert_null(entry->link);
	}
}

/* a directory of a tree keeps what the tree says of it, whoever else wants it */
static void a_tree_stands_back_for_what_is_made_here_alone(void **state UNUSED)
{
	CLEANUP(manifest_cleanup) struct manifest *manifest = manifest_new();
	struct addition directory = {
		.path = "var",
		.type = ENTRY_DIRECTORY,
		.mode = 02775,
		.gid = 50,
		.is_tree = true,
		.source.directory_fd = -1,
		.relation = "tree 'base'",
	};
	struct addition link = {
		.path = "init",
		.type = ENTRY_SYMLINK,
		.target = "sbin/init",
		.is_tree = true,
		.source.directory_fd = -1,
		.relation = "tree 'base'",
	};

	assert_int_equal(manifest_add(manifest, &directory, NULL), 1);
	assert_int_equal(add(manifest, "var", ENTRY_DIRECTORY, NULL, false, NULL, 1), 0);
	assert_int_equal(manifest_find(manifest, "var")->mode, 02775);
	assert_int_equal(manifest_find(manifest, "var")->gid, 50);
	assert_int_equal(manifest_add(manifest, &link, NULL), 1);
	assert_int_equal(add(manifest, "init", ENTRY_SYMLINK, "elsewhere", false, NULL, 1),
			 -EEXIST);
	assert_int_equal(add(manifest, "init", ENTRY_FILE, "made here", false, NULL, 1), 1);
	assert_int_equal(manifest_add(manifest, &link, NULL), 0);
	assert_int_equal(manifest_find(manifest, "init")->type, ENTRY_FILE);
}

static void bad_json_is_refused_and_named(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(bad_rows); i++) {
		CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
		CLEANUP(memory_free) char *error = NULL;

		print_message("row: %s\n", bad_rows[i].json);
		assert_int_equal(manifest_from_json(bad_rows[i].json, strlen(bad_rows[i].json),
						    &manifest, NULL, NULL, &error),
				 -EINVAL);
		assert_string_equal(error, bad_rows[i].error);
		assert_null(manifest);
	}
	for (size_t length = 0; length < strlen(full) - 1; length++) {
		CLEANUP(manifest_cleanup) struct manifest *manifest = NULL;
		CLEANUP(memory_free) char *exact = malloc(length + 1);

		memcpy(exact, full, length); /* ASan sees a read past the end */
		assert_int_equal(manifest_from_json(exact, length, &manifest, NULL, NULL, NULL),
				 -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_addition_joins_wins_or_conflicts),
		cmocka_unit_test(paths_that_an_image_cannot_hold_are_refused),
		cmocka_unit_test(parents_are_added_and_come_first),
		cmocka_unit_test(nothing_is_below_a_symlink),
		cmocka_unit_test(chains_are_short_and_survive_cycles),
		cmocka_unit_test(json_to_manifest_to_json_is_the_identity),
		cmocka_unit_test(the_order_of_discovery_does_not_show),
		cmocka_unit_test(bad_json_is_refused_and_named),
		cmocka_unit_test(hard_links_that_are_left_find_each_other),
		cmocka_unit_test(a_tree_stands_back_for_what_is_made_here_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
