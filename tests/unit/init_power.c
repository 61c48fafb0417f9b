/* SPDX-License-Identifier: Apache-2.0 */
/*
 * init_power.c - what the end of the machine reads: processes of containers and what they wish,
 *                mounts, swap, the power button
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "init/acpi_button.h"
#include "init/containers.h"
#include "init/release.h"
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
static const struct {
	const char *status;
	int result;
	struct container_process process;
} processes[] = {
	{ "Name:\tsh\nNSpid:\t437\t1\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000004000\n"
	  "SigCgt:\t0000000000000000\n", 0, { 2, true, 0 } },
	{ "NSpid:\t437\t1\nSigBlk:\t0000000000000000\nSigCgt:\t0000000000004002\n",
	  0, { 2, true, 0x4002 } },
	{ "NSpid:\t437\t1\nSigBlk:\t0000000000004000\nSigCgt:\t0000000000000001\n",
	  0, { 2, true, 0x4001 } },
	{ "NSpid:\t437\t11\nSigBlk:\t0\nSigCgt:\tffffffffffffbfff\n", 0, { 2, false, 0xffffffffffffbfff } },
	{ "NSpid:\t900\t31\t1\nSigBlk:\t0\nSigCgt:\t0\n", 0, { 3, true, 0 } },
	{ "NSpid:\t438\nSigBlk:\t0\nSigCgt:\t4000\n", 0, { 1, false, 0x4000 } },
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
		assert_true(process.takes == processes[i].process.takes);
	}
}

static void reads_mounts(void **state)
{
	static const struct {
		const char *source, *path, *type;
		bool is_read_only;
	} expected[] = {
		{ "rootfs", "/", "rootfs", false },
		{ "/dev/vda", "/var/lib/docker", "ext4", false },
		{ "/dev/sr0", "/mnt/a b\\c", "iso9660", true },
		{ "proc", "/proc", "proc", false },
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
		assert_string_equal(list.items[i].type, expected[i].type);
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

static void reads_swap_areas(void **state)
{
	char text[] = "Filename\t\t\tType\t\tSize\tUsed\tPriority\n"
		      "/dev/vda2   partition\t1024\t0\t-2\n/var/a\\040file\tfile\t1\t0\t-3\n";
	char *position = text;

	(void)state;
	assert_string_equal(swap_path_next(&position), "/dev/vda2");
	assert_string_equal(swap_path_next(&position), "/var/a file");
	assert_null(swap_path_next(&position));
}

#define OTHER_ID "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

// clang-format off
static const struct {
	const char *text;
	int result;
	size_t count;
	int signal;		/* of ID */
	uint64_t grace_ms;
} wishes_rows[] = {
	{ "end\n", 0, 0, 15, 10000 },
	{ ID " 10 30000\n" OTHER_ID " 15 -\nend\n", 0, 2, 10, 30000 },
	{ ID " 34 -\nend\n", 0, 1, 34, STOP_NO_LIMIT },
	/* the agent was cut short: what is there counts */
	{ ID " 10 0\n" OTHER_ID " 15", -EPROTO, 1, 10, 0 },
	{ "", -EPROTO, 0, 15, 10000 },
	{ ID " 0 1\nend\n", -EPROTO, 0, 15, 10000 },
	{ ID " 65 1\nend\n", -EPROTO, 0, 15, 10000 },
	{ ID "0 15 1\nend\n", -EPROTO, 0, 15, 10000 },
	{ ID " 15 -1\nend\n", -EPROTO, 0, 15, 10000 },
	{ "../x 15 1\nend\n", -EPROTO, 0, 15, 10000 },
};
// clang-format on

static void reads_wishes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(wishes_rows); i++) {
		CLEANUP(stop_wishes_free) struct stop_wishes wishes = { 0 };
		CLEANUP(memory_free) char *text = strdup(wishes_rows[i].text);
		struct stop_wish wish;

		print_message("row: %zu\n", i);
		assert_int_equal(stop_wishes_parse(&wishes, text), wishes_rows[i].result);
		assert_int_equal(wishes.count, wishes_rows[i].count);
		wish = stop_wish_of(&wishes, ID);
		assert_int_equal(wish.signal, wishes_rows[i].signal);
		assert_true(wish.grace_ms == wishes_rows[i].grace_ms);
	}
}

/* as 6.1 sends it for a press: message type 27, class "button/power", bus id "LNXPWRBN:00" */
static const char press[] = "\x44\0\0\0\x1b\0\0\0\0\0\0\0\0\0\0\0"
			    "\x01\x01\0\0\x30\0\x01\0"
			    "button/power\0\0\0\0\0\0\0\0LNXPWRBN:00\0\0\0\0\0"
			    "\x80\0\0\0\x01\0\0";
#define PRESS_BYTES 0x44
#define PRESS_CLASS 24
#define PRESS_TYPE 60

static void reads_presses(void **state)
{
	char other[PRESS_BYTES], two[2 * PRESS_BYTES];

	(void)state;
	assert_int_equal(sizeof(press), PRESS_BYTES);
	assert_true(acpi_event_is_power_button(press, PRESS_BYTES));
	for (size_t length = 0; length < PRESS_BYTES; length++)
		assert_false(acpi_event_is_power_button(press, length));
	memcpy(other, press, PRESS_BYTES);
	other[PRESS_TYPE] = 2; /* the machine was woken */
	assert_false(acpi_event_is_power_button(other, PRESS_BYTES));
	memcpy(two, other, PRESS_BYTES);
	memcpy(two + PRESS_BYTES, press, PRESS_BYTES);
	assert_true(acpi_event_is_power_button(two, sizeof(two)));
	memcpy(other, press, PRESS_BYTES);
	memcpy(other + PRESS_CLASS, "button/sleep", sizeof("button/sleep"));
	assert_false(acpi_event_is_power_button(other, PRESS_BYTES));
	/* an attribute that ends beyond its message */
	memcpy(other, press, PRESS_BYTES);
	other[20] = 0x31;
	assert_false(acpi_event_is_power_button(other, PRESS_BYTES));
}

/* header of 16, generic header of 4, family name, groups: { 1: { name "a", id 3 }, 2: ... } */
static const char family[] = "\x50\0\0\0\x10\0\0\0\0\0\0\0\0\0\0\0"
			     "\x01\x02\0\0"
			     "\x06\0\x02\0x\0\0\0"
			     "\x34\0\x07\x80"
			     "\x14\0\x01\x80\x08\0\x02\0\x03\0\0\0\x06\0\x01\0a\0\0\0"
			     "\x1c\0\x02\x80\x08\0\x02\0\x09\0\0\0\x10\0\x01\0acpi_mc_gro"
			     "\0";
#define FAMILY_BYTES 0x50

static void reads_groups(void **state)
{
	static const char refusal[] = "\x14\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\xfe\xff\xff\xff";

	(void)state;
	assert_int_equal(sizeof(family), FAMILY_BYTES + 1);
	assert_int_equal(netlink_group_parse(family, FAMILY_BYTES, "acpi_mc_gro"), 9);
	assert_int_equal(netlink_group_parse(family, FAMILY_BYTES, "a"), 3);
	assert_int_equal(netlink_group_parse(family, FAMILY_BYTES, "acpi"), -ENOENT);
	for (size_t length = 0; length < FAMILY_BYTES; length++)
		assert_true(netlink_group_parse(family, length, "a") < 0);
	/* error -2 */
	assert_int_equal(netlink_group_parse(refusal, sizeof(refusal) - 1, "a"), -ENOENT);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_containers), cmocka_unit_test(reads_processes),
		cmocka_unit_test(reads_mounts),     cmocka_unit_test(refuses_half_a_mount),
		cmocka_unit_test(reads_swap_areas), cmocka_unit_test(reads_wishes),
		cmocka_unit_test(reads_presses),    cmocka_unit_test(reads_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
