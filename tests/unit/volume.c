/* SPDX-License-Identifier: Apache-2.0 */
/*
 * volume.c - names of volumes on the disk, and what they are filled with
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "init/lib/file.h"
#include "init/volume.h"
#include "scratch.h"

static const struct {
	const char *path, *name;
} names[] = {
	{ "/data", "data" },
	{ "/var/lib/mysql", "var-lib-mysql" },
	/* no two paths have one name */
	{ "/var-lib/mysql", "var%2Dlib-mysql" },
	{ "/a%2Db", "a%252Db" },
	{ "/", "" },
};

static void names_are_one_for_each_path(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		CLEANUP(text_free) struct text name = TEXT_EMPTY;

		volume_name(names[i].path, &name);
		assert_string_equal(text_string(&name), names[i].name);
	}
}

static int scratch_open(const struct scratch *scratch)
{
	int fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void a_copy_has_owners_permissions_times_and_links(void **state)
{
	CLEANUP(fd_close) int top = scratch_open(*state);
	const struct timespec times[2] = { { .tv_sec = 5 }, { .tv_sec = 1000, .tv_nsec = 7 } };
	CLEANUP(fd_close) int from = -1;
	CLEANUP(fd_close) int to = -1;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	char target[64] = "";
	struct stat status;

	assert_int_equal(mkdirat(top, "from", 0750), 0);
	assert_int_equal(mkdirat(top, "to", 0700), 0);
	from = openat(top, "from", O_RDONLY | O_DIRECTORY);
	to = openat(top, "to", O_RDONLY | O_DIRECTORY);
	assert_int_equal(mkdirat(from, "sub", 0700), 0);
	assert_int_equal(file_write(from, "sub/set", "content", 0644), 0);
	assert_int_equal(fchmodat(from, "sub/set", 04751, 0), 0);
	assert_int_equal(utimensat(from, "sub/set", times, 0), 0);
	assert_int_equal(fchmodat(from, "sub", 01777, 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", from, "link"), 0);
	assert_int_equal(mkfifoat(from, "fifo", 0622), 0);
	assert_int_equal(fchmodat(from, "fifo", 0622, 0), 0);
	assert_int_equal(mknodat(from, "socket", S_IFSOCK | 0600, 0), 0);

	assert_int_equal(copy_below(from, to), 0);

	assert_int_equal(fstat(to, &status), 0);
	assert_int_equal(status.st_mode, S_IFDIR | 0750);
	assert_int_equal(fstatat(to, "sub", &status, 0), 0);
	assert_int_equal(status.st_mode, S_IFDIR | 01777);
	assert_int_equal(fstatat(to, "sub/set", &status, 0), 0);
	assert_int_equal(status.st_mode, S_IFREG | 04751);
	assert_int_equal(status.st_mtim.tv_sec, 1000);
	assert_int_equal(status.st_mtim.tv_nsec, 7);
	assert_int_equal(file_read(to, "sub/set", 100, &text), 0);
	assert_string_equal(text_string(&text), "content");
	/* not what it points to */
	assert_int_equal(readlinkat(to, "link", target, sizeof(target) - 1), 11);
	assert_string_equal(target, "/etc/passwd");
	assert_int_equal(fstatat(to, "fifo", &status, 0), 0);
	assert_int_equal(status.st_mode, S_IFIFO | 0622);
	assert_int_equal(fstatat(to, "socket", &status, AT_SYMLINK_NOFOLLOW), -1);
}

static void what_is_there_is_not_written_over(void **state)
{
	CLEANUP(fd_close) int top = scratch_open(*state);
	CLEANUP(fd_close) int from = -1;
	CLEANUP(fd_close) int to = -1;

	assert_int_equal(mkdirat(top, "from", 0755), 0);
	assert_int_equal(mkdirat(top, "to", 0755), 0);
	from = openat(top, "from", O_RDONLY | O_DIRECTORY);
	to = openat(top, "to", O_RDONLY | O_DIRECTORY);
	assert_int_equal(file_write(from, "a", "new", 0644), 0);
	assert_int_equal(symlinkat("../outside", to, "a"), 0);
	assert_int_equal(copy_below(from, to), -EEXIST);
	assert_int_equal(faccessat(top, "outside", F_OK, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_one_for_each_path),
		cmocka_unit_test_setup_teardown(a_copy_has_owners_permissions_times_and_links,
						scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(what_is_there_is_not_written_over, scratch_setup,
						scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
