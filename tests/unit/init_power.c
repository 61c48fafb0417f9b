/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_power.c - what the end of the machine reads: processes of containers, mounts
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "init/containers.h"
#include "init/unmount.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *cgroup;
	bool is_container;
} names[] = {
	{ "docker/" ID, true },
	{ ID, true },
	{ "docker/" ID "0", false },
	{ "docker/" ID "/init", false },
	{ "docker", false },
	{ "docker/0123456789abcdef", false },
	{ "docker/X123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", false },
};

static void knows_containers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		print_message("row: %s\n", names[i].cgroup);
		assert_int_equal(container_name_is(names[i].cgroup), names[i].is_container);
	}
}

// clang-format off
/* SIGTERM is bit 14 */
static const struct {
	const char *status;
	int result;
	struct container_process process;
} processes[] = {
	{ "Name:\tsh\nNSpid:\t437\t1\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000004000\n"
	  "SigCgt:\t0000000000000000\n", 0, { 2, true, false } },
	{ "NSpid:\t437\t1\nSigBlk:\t0000000000000000\nSigCgt:\t0000000000004002\n",
	  0, { 2, true, true } },
	{ "NSpid:\t437\t1\nSigBlk:\t0000000000004000\nSigCgt:\t0000000000000000\n",
	  0, { 2, true, true } },
	{ "NSpid:\t437\t11\nSigBlk:\t0\nSigCgt:\tffffffffffffbfff\n", 0, { 2, false, false } },
	{ "NSpid:\t900\t31\t1\nSigBlk:\t0\nSigCgt:\t0\n", 0, { 3, true, false } },
	{ "NSpid:\t438\nSigBlk:\t0\nSigCgt:\t4000\n", 0, { 1, false, true } },
	{ "NSpid:\t\nSigBlk:\t0\nSigCgt:\t4000\n", -EINVAL, { 0 } },
	{ "Name:\tkthreadd\n", -EINVAL, { 0 } },
	{ "", -EINVAL, { 0 } },
};
// clang-format on

static void reads_processes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(processes); i++) {
		struct container_process process = { 0 };

		print_message("row: %zu\n", i);
		assert_int_equal(container_process_parse(processes[i].status, &process),
				 processes[i].result);
		assert_int_equal(process.depth, processes[i].process.depth);
		assert_int_equal(process.is_first, processes[i].process.is_first);
		assert_int_equal(process.takes_sigterm, processes[i].process.takes_sigterm);
	}
}

static void reads_mounts(void **state)
{
	static const struct {
		const char *source, *path;
		bool is_read_only;
	} expected[] = {
		{ "rootfs", "/", false },
		{ "/dev/vda", "/var/lib/docker", false },
		{ "/dev/sr0", "/mnt/a b\\c", true },
		{ "proc", "/proc", false },
	};
	CLEANUP(mount_list_free) struct mount_list list = { 0 };

	(void)state;
	assert_int_equal(mount_list_parse(&list, "rootfs / rootfs rw,size=1k 0 0\n"
						 "/dev/vda /var/lib/docker ext4 rw,noatime 0 0\n"
						 "/dev/sr0 /mnt/a\\040b\\134c iso9660 ro,x 0 0\n"
						 "proc /proc proc rw,rootmode=1 0 0\n"),
			 0);
	assert_int_equal(list.count, COUNT_OF(expected));
	for (size_t i = 0; i < COUNT_OF(expected); i++) {
		assert_string_equal(list.items[i].source, expected[i].source);
		assert_string_equal(list.items[i].path, expected[i].path);
		assert_int_equal(list.items[i].is_read_only, expected[i].is_read_only);
	}
}

static void refuses_half_a_mount(void **state)
{
	struct mount_list list = { 0 };

	(void)state;
	assert_int_equal(mount_list_parse(&list, "proc /proc proc rw 0 0\n/dev/vda /x\n"), -EINVAL);
	assert_null(list.items);
	assert_int_equal(list.count, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_containers),
		cmocka_unit_test(reads_processes),
		cmocka_unit_test(reads_mounts),
		cmocka_unit_test(refuses_half_a_mount),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
