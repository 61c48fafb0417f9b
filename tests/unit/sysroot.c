/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sysroot.c - a root is never left, whatever its symlinks say
 */
#include "scratch.h"
#include "mkinitrd/sysroot.h"

#define CHAIN 41

static void make_root(const struct scratch *scratch)
{
	char name[32], target[32];

	scratch_file(scratch, "outside", "secret", 0644);
	scratch_file(scratch, "etc/inside", "of the wrong root", 0644);
	scratch_file(scratch, "root/usr/bin/tool", "tool", 04755);
	scratch_file(scratch, "root/usr/lib/b.so", "b", 0644);
	scratch_file(scratch, "root/usr/lib/a.so", "a", 0644);
	scratch_file(scratch, "root/usr/lib/B.so", "B", 0644);
	scratch_file(scratch, "root/usr/lib/.hidden.so", "", 0644);
	scratch_file(scratch, "root/usr/lib/x/c.so", "c", 0644);
	scratch_file(scratch, "root/etc/inside", "inside", 0644);
	scratch_link(scratch, "root/lib", "usr/lib");
	scratch_link(scratch, "root/bin", "/usr/bin");
	scratch_link(scratch, "root/up", "../../../../etc");
	scratch_link(scratch, "root/leak", "../outside");
	scratch_link(scratch, "root/usr/leak", "/../outside");
	scratch_link(scratch, "root/usr/alias", "../bin/./tool");
	scratch_link(scratch, "root/self", ".");
	scratch_link(scratch, "root/nowhere", "usr/nothing/file");
	scratch_link(scratch, "root/loop-a", "loop-b");
	scratch_link(scratch, "root/loop-b", "loop-a");
	/* c1 leads through 1 symlink to /etc, c40 through 40, c41 through 41 */
	for (int i = 1; i <= CHAIN; i++) {
		(void)snprintf(name, sizeof(name), "root/c%d", i);
		(void)snprintf(target, sizeof(target), i == 1 ? "etc" : "c%d", i - 1);
		scratch_link(scratch, name, target);
	}
}

static void open_root(const struct scratch *scratch, struct sysroot *root)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/root", scratch->path);
	assert_int_equal(sysroot_open_root(root, path), 0);
}

static const struct {
	const char *path;
	int result;
	const char *canonical;
	const char *links; /* NULL: not compared */
} rows[] = {
	{ "/", 0, "/", "" },
	{ "", 0, "/", "" },
	{ "/usr//lib/./b.so", 0, "/usr/lib/b.so", "" },
	{ "/lib/b.so", 0, "/usr/lib/b.so", "/lib usr/lib " },
	{ "/bin", 0, "/usr/bin", "/bin /usr/bin " },
	{ "/bin/", 0, "/usr/bin", "/bin /usr/bin " },
	{ "/usr/alias", 0, "/usr/bin/tool", "/usr/alias ../bin/./tool /bin /usr/bin " },
	{ "/lib/../bin/tool", 0, "/usr/bin/tool", "/lib usr/lib " },
	{ "/self/self/usr", 0, "/usr", "/self . /self . " },
	{ "/../../usr/../../etc/inside", 0, "/etc/inside", "" },
	{ "/up/inside", 0, "/etc/inside", "/up ../../../../etc " },
	{ "/leak", 0, "/outside", "/leak ../outside " },
	{ "/usr/leak", 0, "/outside", "/usr/leak /../outside " },
	{ "/nowhere", 0, "/usr/nothing/file", "/nowhere usr/nothing/file " },
	{ "/no/such/../file", 0, "/no/file", "" },
	{ "/usr/bin/tool/x", -ENOTDIR, NULL, NULL },
	{ "/loop-a", -ELOOP, NULL, NULL },
	{ "/loop-b/x", -ELOOP, NULL, NULL },
	{ "/c40/inside", 0, "/etc/inside", NULL },
	{ "/c41/inside", -ELOOP, NULL, NULL },
};

static void paths_become_canonical(void **state)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;

	make_root(*state);
	open_root(*state, &root);
	/* twice: the second time from what the first has met; then without that memory */
	for (size_t i = 0; i < 3 * COUNT_OF(rows); i++) {
		CLEANUP(memory_free) char *canonical = NULL;
		CLEANUP(strings_free) struct strings links = STRINGS_EMPTY;
		CLEANUP(text_free) struct text joined = TEXT_EMPTY;
		size_t row = i % COUNT_OF(rows);
		struct sysroot forgetful = root;

		print_message("row: '%s'\n", rows[row].path);
		if (i >= 2 * COUNT_OF(rows))
			forgetful.known = NULL;
		assert_int_equal(sysroot_canonical(&forgetful, rows[row].path, &canonical, &links),
				 rows[row].result);
		if (rows[row].canonical)
			assert_string_equal(canonical, rows[row].canonical);
		else
			assert_null(canonical);
		for (size_t j = 0; j < links.count; j++)
			text_format(&joined, "%s ", links.items[j]);
		if (rows[row].links)
			assert_string_equal(text_string(&joined), rows[row].links);
	}
}

/* the kernel is the judge of each row: opening the path and the canonical path gives one object */
static void canonical_paths_are_the_kernels(void **state)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;

	make_root(*state);
	open_root(*state, &root);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct stat first, second;
		int r = sysroot_stat(&root, *rows[i].path ? rows[i].path : "/", true, &first);

		print_message("row: '%s'\n", rows[i].path);
		if (rows[i].result < 0) {
			assert_int_equal(r, rows[i].result);
			continue;
		}
		if (r < 0)
			assert_int_equal(r, -ENOENT);
		else
			assert_int_equal(sysroot_stat(&root, rows[i].canonical, false, &second), 0);
		if (r == 0)
			assert_int_equal(first.st_ino, second.st_ino);
	}
}

static void nothing_outside_is_read(void **state)
{
	static const struct {
		const char *path;
		int result;
		const char *content;
	} files[] = {
		{ "/etc/inside", 0, "inside" },    { "/up/inside", 0, "inside" },
		{ "/../etc/inside", 0, "inside" }, { "../etc/inside", 0, "inside" },
		{ "/leak", -ENOENT, "" },          { "/usr/leak", -ENOENT, "" },
		{ "/../outside", -ENOENT, "" },    { "../outside", -ENOENT, "" },
		{ "/loop-a", -ELOOP, "" },         { "/usr", -EISDIR, "" },
	};
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;

	make_root(*state);
	open_root(*state, &root);
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		CLEANUP(text_free) struct text content = TEXT_EMPTY;

		print_message("row: '%s'\n", files[i].path);
		assert_int_equal(sysroot_read(&root, files[i].path, 100, &content),
				 files[i].result);
		assert_string_equal(text_string(&content), files[i].content);
	}
}

static void symlinks_are_seen_as_they_stand(void **state)
{
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
	CLEANUP(memory_free) char *target = NULL;
	struct stat status;

	make_root(*state);
	open_root(*state, &root);
	assert_int_equal(sysroot_readlink(&root, "/bin", &target), 0);
	assert_string_equal(target, "/usr/bin");
	assert_int_equal(sysroot_readlink(&root, "/usr", &target), -EINVAL);
	assert_int_equal(sysroot_readlink(&root, "/nothing", &target), -ENOENT);
	assert_int_equal(sysroot_stat(&root, "/bin", false, &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(sysroot_stat(&root, "/bin", true, &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_int_equal(sysroot_stat(&root, "/bin/tool", false, &status), 0);
	assert_int_equal(status.st_mode & 07777, 04755);
}

static void patterns_match_inside_only(void **state)
{
	static const struct {
		const char *pattern;
		int result;
		const char *paths;
	} patterns[] = {
		{ "/usr/lib/*.so", 0, "/usr/lib/B.so /usr/lib/a.so /usr/lib/b.so " },
		{ "/usr/lib/{,*/}*.so", 0,
		  "/usr/lib/B.so /usr/lib/a.so /usr/lib/b.so /usr/lib/x/c.so " },
		{ "/lib/[ab].so", 0, "/lib/a.so /lib/b.so " },
		{ "/usr/{lib,bin}/{a.so,tool,none}", 0, "/usr/bin/tool /usr/lib/a.so " },
		{ "/up/in*", 0, "/up/inside " },
		{ "/../out*", 0, "" },
		{ "/usr/nothing/*", 0, "" },
		{ "/loop-a/*", 0, "" },
		{ "usr/*", -EINVAL, "" },
	};
	CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;

	make_root(*state);
	open_root(*state, &root);
	for (size_t i = 0; i < COUNT_OF(patterns); i++) {
		CLEANUP(strings_free) struct strings paths = STRINGS_EMPTY;
		CLEANUP(text_free) struct text joined = TEXT_EMPTY;

		print_message("row: '%s'\n", patterns[i].pattern);
		assert_int_equal(sysroot_glob(&root, patterns[i].pattern, &paths),
				 patterns[i].result);
		for (size_t j = 0; j < paths.count; j++)
			text_format(&joined, "%s ", paths.items[j]);
		assert_string_equal(text_string(&joined), patterns[i].paths);
	}
}

static void the_root_may_be_a_symlink_or_relative(void **state)
{
	struct scratch *scratch = *state;
	CLEANUP(text_free) struct text message = TEXT_EMPTY;
	const char *const roots[] = { "link", "root/../root", "./root/" };
	CLEANUP(fd_close) int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct sysroot none = SYSROOT_EMPTY;

	make_root(scratch);
	scratch_link(scratch, "link", "root");
	assert_int_equal(chdir(scratch->path), 0);
	for (size_t i = 0; i < COUNT_OF(roots); i++) {
		CLEANUP(sysroot_close) struct sysroot root = SYSROOT_EMPTY;
		CLEANUP(text_free) struct text content = TEXT_EMPTY;

		assert_int_equal(sysroot_open_root(&root, roots[i]), 0);
		assert_int_equal(sysroot_read(&root, "/up/inside", 100, &content), 0);
		assert_string_equal(text_string(&content), "inside");
	}
	scratch_capture(scratch);
	assert_int_equal(sysroot_open_root(&none, "nowhere"), -ENOENT);
	assert_int_equal(sysroot_open_root(&none, "outside"), -ENOTDIR);
	scratch_captured(scratch, &message);
	assert_string_equal(text_string(&message),
			    "mkinitrd: cannot open the root 'nowhere': No such file or directory\n"
			    "mkinitrd: cannot open the root 'outside': Not a directory\n");
	assert_int_equal(none.fd, -1);
	assert_int_equal(fchdir(here), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(paths_become_canonical, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(canonical_paths_are_the_kernels, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(nothing_outside_is_read, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(symlinks_are_seen_as_they_stand, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(patterns_match_inside_only, scratch_setup,
						scratch_teardown),
		cmocka_unit_test_setup_teardown(the_root_may_be_a_symlink_or_relative,
						scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
