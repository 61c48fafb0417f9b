/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_root.c - which root is wanted, mount options, what a SquashFS says of itself, and emptying a
 * directory
 */
#include "scratch.h"

#include <endian.h>
#include <sys/mount.h>

#include "init/lib/squashfs_header.h"
#include "init/mount_options.h"
#include "init/remove.h"
#include "init/root_request.h"

#define PLAN "root find=LABEL=BOOT image=/a inner=b type=ext4 flags=noatime cow=none wait=5\n"
#define HERE "root find=none image=/root.squashfs\n"

// clang-format off
static const struct {
	const char *plan, *cmdline, *result;
} rows[] = {
	{ PLAN, "", "LABEL=BOOT /a b ext4 noatime none 5" },
	{ PLAN, "root=/dev/sda1 mkinitrd.image=/c", "/dev/sda1 /c - ext4 noatime none 5" },
	{ PLAN, "mkinitrd.image=/c:d", "LABEL=BOOT /c d ext4 noatime none 5" },
	{ PLAN, "mkinitrd.image=:d", "LABEL=BOOT - d ext4 noatime none 5" },
	{ PLAN, "mkinitrd.image=none", "LABEL=BOOT - - ext4 noatime none 5" },
	{ PLAN, "mkinitrd.image=/c:d:e", "mkinitrd.image=/c:d:e: give PATH, or PATH:INNER for an image in the image" },
	{ PLAN, "mkinitrd.image=/c:", "mkinitrd.image=/c:: give PATH" },
	{ PLAN, "rootfstype=vfat rootflags=utf8 rootdelay=30", "LABEL=BOOT /a b vfat utf8 none 30000" },
	{ PLAN, "rootwait", "LABEL=BOOT /a b ext4 noatime none 31536000000" },
	{ PLAN, "rootdelay=soon", "rootdelay=soon is no number of seconds" },
	{ PLAN, "rootdelay=99999999999", "rootdelay=99999999999 is no number of seconds" },
	{ PLAN, "root=/dev/nfs", "/dev/nfs /a b ext4 noatime none 5" },
	{ PLAN, "root=sda1", "root=sda1: give LABEL=" },
	{ PLAN, "root=none", "root=none: give LABEL=" },
	{ PLAN, "root=LABEL=", "root=LABEL=: give LABEL=" },
	/* an image that carries its root has it, whatever a boot loader says */
	{ HERE, "root=/dev/sda1 rw", "none /root.squashfs - - - tmpfs 10000" },
	/* a plan without a root: mkinitrd-mount */
	{ "", "root=UUID=1-2", "UUID=1-2 - - - - tmpfs 10000" },
	{ "", "", "nothing names the root; give root=LABEL=" },
	/* rw without a word about changes: the file system itself */
	{ "", "root=UUID=1-2 rw", "UUID=1-2 - - - - none,rw 10000" },
	{ "", "root=UUID=1-2 rw ro", "UUID=1-2 - - - - tmpfs 10000" },
	{ "", "root=UUID=1-2 rw mkinitrd.image=/a", "UUID=1-2 /a - - - tmpfs 10000" },
	{ "", "root=UUID=1-2 rw mkinitrd.cow=tmpfs", "UUID=1-2 - - - - tmpfs 10000" },
	{ "", "root=UUID=1-2 rw mkinitrd.cow=none", "UUID=1-2 - - - - none,rw 10000" },
	{ "", "root=UUID=1-2 mkinitrd.cow=none", "UUID=1-2 - - - - none 10000" },
	{ "", "root=UUID=1-2 mkinitrd.cow=tmpfs:25%", "UUID=1-2 - - - - tmpfs:25% 10000" },
	{ "", "root=UUID=1-2 mkinitrd.cow=LABEL=A", "UUID=1-2 - - - - LABEL=A:mkinitrd/cow 10000" },
	{ "", "root=UUID=1-2 mkinitrd.cow=/dev/sdb:/x/y/", "UUID=1-2 - - - - /dev/sdb:x/y 10000" },
	{ "", "root=UUID=1-2 mkinitrd.cow=tmpfs:", "mkinitrd.cow=tmpfs:: give tmpfs, tmpfs:SIZE, none, or LABEL=" },
	{ "", "root=UUID=1-2 mkinitrd.cow=tmpfs:1,uid=5", "mkinitrd.cow=tmpfs:1,uid=5: give" },
	{ "", "root=UUID=1-2 mkinitrd.cow=LABEL=A:", "mkinitrd.cow=LABEL=A:: give" },
	{ "", "root=UUID=1-2 mkinitrd.cow=LABEL=A:../x", "mkinitrd.cow=LABEL=A:../x: give" },
	{ "", "root=UUID=1-2 mkinitrd.cow=LABEL=A:x/..", "mkinitrd.cow=LABEL=A:x/..: give" },
	{ "", "root=UUID=1-2 mkinitrd.cow=LABEL=A:x,lowerdir=/", "give" },
	{ "", "root=UUID=1-2 mkinitrd.cow=LABEL=A:x:y", "give" },
	{ "", "root=UUID=1-2 mkinitrd.cow=memory", "mkinitrd.cow=memory: give" },
};
// clang-format on

static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

static void format(const struct root_request *request, struct text *text)
{
	text_format(text, "%s %s %s %s %s ", or_dash(request->find), or_dash(request->image),
		    or_dash(request->inner), or_dash(request->type), or_dash(request->flags));
	if (request->cow.kind == COW_NONE)
		text_format(text, "none%s", request->is_writable ? ",rw" : "");
	else if (request->cow.kind == COW_TMPFS)
		text_format(text, "tmpfs%s%s", request->cow.size ? ":" : "",
			    request->cow.size ? request->cow.size : "");
	else
		text_format(text, "%s:%s", request->cow.find, request->cow.directory);
	text_format(text, " %llu", (unsigned long long)request->wait_ms);
}

static void D0_9_command_line_goes_before_plan(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
		CLEANUP(cmdline_free) struct cmdline cmdline = CMDLINE_EMPTY;
		CLEANUP(root_request_free) struct root_request request = ROOT_REQUEST_EMPTY;
		CLEANUP(text_free) struct text text = TEXT_EMPTY;
		CLEANUP(text_free) struct text said = TEXT_EMPTY;
		char *error = NULL;
		int r;

		print_message("row: '%s' '%s'\n", rows[i].plan, rows[i].cmdline);
		text_format(&text, "mkinitrd-plan 1\n%s", rows[i].plan);
		assert_int_equal(bootplan_parse(&plan, text.data, text.length, &error), 0);
		assert_int_equal(cmdline_parse(&cmdline, rows[i].cmdline), 0);
		r = root_request_make(&request, &plan, &cmdline, &said);
		assert_true(r == 0 || r == -EINVAL);
		if (r == 0) {
			format(&request, &said);
			assert_string_equal(text_string(&said), rows[i].result);
		} else {
			assert_non_null(strstr(text_string(&said), rows[i].result));
		}
	}
}

static void options_are_flags_or_the_file_systems(void **state UNUSED)
{
	static const struct {
		const char *options;
		unsigned long flags;
		const char *rest;
	} options[] = {
		{ NULL, MS_RDONLY, "" },
		{ "defaults,rw", MS_RDONLY, "" },
		{ "noatime,nodev,nosuid", MS_RDONLY | MS_NOATIME | MS_NODEV | MS_NOSUID, "" },
		{ "noatime,atime", MS_RDONLY, "" },
		{ "data=journal,noexec,,errors=panic", MS_RDONLY | MS_NOEXEC,
		  "data=journal,errors=panic" },
		{ "subvol=a,x-systemd.automount,nodevice", MS_RDONLY, "subvol=a,nodevice" },
	};

	for (size_t i = 0; i < COUNT_OF(options); i++) {
		CLEANUP(text_free) struct text rest = TEXT_EMPTY;
		unsigned long flags = MS_RDONLY;

		mount_options_parse(options[i].options, &flags, &rest);
		assert_int_equal(flags, options[i].flags);
		assert_string_equal(text_string(&rest), options[i].rest);
	}
}

static void squashfs_headers(void **state UNUSED)
{
	static const struct {
		uint16_t major, compressor;
		uint64_t size, inodes, held;
		const char *why;
	} headers[] = {
		{ 4, 6, 8192, 4096, 8192, "" },
		{ 4, 6, 8192, 4096, 1 << 20, "" },
		{ 3, 6, 8192, 4096, 8192, "of version 3.0, and the kernel reads 4.0" },
		{ 4, 6, 8193, 4096, 8192,
		  "it is cut short: it is a SquashFS of 8193 bytes, and 8192 are there" },
		{ 4, 6, UINT64_MAX, 4096, 8192, "it is cut short" },
		{ 4, 6, 8192, 8192, 8192, "its header is damaged" },
		{ 4, 6, 0, 0, 8192, "its header is damaged" },
	};
	char name[16];

	for (size_t i = 0; i < COUNT_OF(headers); i++) {
		CLEANUP(text_free) struct text why = TEXT_EMPTY;
		unsigned char bytes[SQUASHFS_HEADER_BYTES] = "hsqs";
		struct squashfs_header header;
		uint16_t major = htole16(headers[i].major);
		uint16_t compressor = htole16(headers[i].compressor);
		uint64_t size = htole64(headers[i].size), inodes = htole64(headers[i].inodes);

		memcpy(bytes + 20, &compressor, 2);
		memcpy(bytes + 28, &major, 2);
		memcpy(bytes + 40, &size, 8);
		memcpy(bytes + 64, &inodes, 8);
		assert_int_equal(squashfs_header_parse(bytes, sizeof(bytes), &header), 0);
		assert_int_equal(squashfs_header_problem(&header, headers[i].held, &why),
				 headers[i].why[0] != '\0');
		assert_non_null(strstr(text_string(&why), headers[i].why));
		assert_string_equal(squashfs_compressor(header.compressor, name), "zstd");
		assert_int_equal(squashfs_header_parse(bytes, sizeof(bytes) - 1, &header), -ENOMSG);
		bytes[0] = 's';
		assert_int_equal(squashfs_header_parse(bytes, sizeof(bytes), &header), -ENOMSG);
	}
	assert_string_equal(squashfs_compressor(9, name), "number 9");
	assert_string_equal(squashfs_compressor(0, name), "number 0");
}

static void make(int fd, const char *path, bool is_directory)
{
	if (is_directory)
		assert_int_equal(mkdirat(fd, path, 0755), 0);
	else
		assert_int_equal(file_write(fd, path, "x", 0644), 0);
}

static void what_is_kept_stays_with_all_below(void **state)
{
	const struct scratch *scratch = *state;
	CLEANUP(fd_close) int fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat kept[2];

	make(fd, "a", true);
	make(fd, "a/b", true);
	make(fd, "a/b/gone", false);
	make(fd, "a/kept", true);
	make(fd, "a/kept/file", false);
	make(fd, "file", false);
	make(fd, "kept", false);
	assert_int_equal(symlinkat("/etc", fd, "link"), 0);
	assert_int_equal(fstatat(fd, "a/kept", &kept[0], 0), 0);
	assert_int_equal(fstatat(fd, "kept", &kept[1], 0), 0);
	assert_int_equal(remove_below(fd, kept, 2), 0);
	assert_int_equal(faccessat(fd, "a/b", F_OK, 0), -1);
	assert_int_equal(faccessat(fd, "file", F_OK, 0), -1);
	assert_int_equal(faccessat(fd, "link", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(fd, "a/kept/file", F_OK, 0), 0);
	assert_int_equal(faccessat(fd, "kept", F_OK, 0), 0);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
	assert_int_equal(remove_below(fd, NULL, 0), 0);
	assert_int_equal(faccessat(fd, "a", F_OK, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D0_9_command_line_goes_before_plan),
		cmocka_unit_test(options_are_flags_or_the_file_systems),
		cmocka_unit_test(squashfs_headers),
		cmocka_unit_test_setup_teardown(what_is_kept_stays_with_all_below, scratch_setup,
						scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
