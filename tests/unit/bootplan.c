/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootplan.c - the boot plan's text form: identity, quoting, and what is refused
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>

#include "init/lib/bootplan.h"

/* every verb and key once, in the order in which the plan is written */
static const char full_plan[] =
	"mkinitrd-plan 1\n"
	"image profile=only-docker release=6.1.0 memory=600000000 cmdline=console=tty0 "
	"cmdline=quiet\n"
	"mode is=exec\n"
	"hostname is=box\n"
	"module name=virtio path=/usr/lib/modules/virtio.ko load=demand\n"
	"module name=virtio_blk path=/usr/lib/modules/virtio_blk.ko load=boot needs=virtio "
	"needs=virtio_ring soft=crc post=late options=\"a=1 b=\\\"x y\\\"\"\n"
	"alias module=virtio_blk match=\"virtio:d00000002v*\" match=fs-ext4\n"
	"tmpfs at=/run size=20%\n"
	"root find=LABEL=BOOT image=/latest/rootfs inner=root.fs type=ext4 flags=noatime "
	"cow=LABEL=STATE:web wait=30000\n"
	"verity root-hash=00ff salt=a0 algorithm=sha256 block-size=4096 data-blocks=100 "
	"hash-start=101\n"
	"bundle find=LABEL=BOOT path=mkinitrd/host.bundle key=00ff need=required wait=10000\n"
	"disk find=LABEL=DOCKER at=/var/lib/docker absent=tmpfs wait=10000 size=4096 "
	"volume=/data volume=/srv/www\n"
	"network match=\"en*\" method=dhcp\n"
	"network match=lo method=none\n"
	"network match=mac:52:54:00:* method=static address=192.0.2.5/24 address=2001:db8::5/64 "
	"gateway=192.0.2.1 gateway=fe80::1 dns=192.0.2.1 search=example.org mtu=1400 "
	"accept-ra=no\n"
	"dhcp exec=/usr/bin/busybox exec=udhcpc wait=10000 after=images\n"
	"resolver server=192.0.2.1 server=2001:db8::53 search=example.org\n"
	"metadata from=linode\n"
	"ntp server=dhcp server=ntp.example.org\n"
	"clock floor=1700000000\n"
	"limit name=nofile value=1048576\n"
	"choose name=firewall pick=nft when=iptables-nft "
	"link=/usr/sbin/iptables=/usr/sbin/iptables-nft "
	"link=/a=/b\n"
	"choose name=firewall pick=none when=always\n"
	"log to=file path=/var/lib/docker/mkinitrd/log limit=8388608\n"
	"service name=containerd exec=/usr/bin/containerd exec=\"with \\\\ and \\n\\t\\r\\x07\" "
	"env=A=b needs=other ready=unix:/run/c.sock wait=60000 "
	"user=web:www directory=/srv stop=SIGRTMIN+3\n"
	"main name=dockerd exec=/usr/sbin/dockerd ready=docker:/var/run/docker.sock\n"
	"end is=poweroff\n"
	"container image=console-image:latest archive=/x.tar id=sha256:00\n"
	"declared name=web image=web:1 port=8080:80/tcp volume=data:/data "
	"env-file=/etc/web.env network=host restart=on-failure command=sh\n"
	"console container=console-image:latest in-memory=busybox on-disk=debian bind=/:/host "
	"exec=sh ttys=console\n"
	"shell exec=/usr/bin/busybox exec=sh exec=\"\" ttys=ttyS1\n"
	"rescue password=\"$6$salt$hash\"\n"
	"stop within=90000\n";

static void text_to_plan_to_text_is_the_identity(void **state UNUSED)
{
	CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(text_free) struct text expected = TEXT_EMPTY;
	char *error = NULL;

	/* '*' is plain, so the quotes around patterns above go away */
	for (const char *position = full_plan; *position; position++)
		text_add_char(&expected, *position);
	assert_int_equal(bootplan_parse(&plan, full_plan, strlen(full_plan), &error), 0);
	assert_null(error);
	assert_int_equal(plan.module_count, 2);
	assert_string_equal(plan.modules[1].options, "a=1 b=\"x y\"");
	assert_int_equal(plan.modules[1].load, PLAN_LOAD_BOOT);
	assert_string_equal(plan.services[0].exec.items[1], "with \\ and \n\t\r\a");
	assert_true(plan.has_disk && plan.has_main && plan.has_console && plan.has_shell);
	assert_int_equal(plan.disk.absent, PLAN_ABSENT_TMPFS);

	assert_int_equal(bootplan_format(&plan, &text), 0);
	bootplan_free(&plan);
	assert_int_equal(bootplan_parse(&plan, text.data, text.length, &error), 0);
	text_clear(&expected);
	assert_int_equal(bootplan_format(&plan, &expected), 0);
	assert_string_equal(text_string(&text), text_string(&expected));
	assert_non_null(strstr(text_string(&text), "match=virtio:d00000002v* match=fs-ext4\n"));
	assert_non_null(strstr(text_string(&text), "exec=\"with \\\\ and \\n\\t\\r\\x07\""));
}

static const struct {
	const char *text;
	const char *error; /* NULL: accepted */
} rows[] = {
	{ "mkinitrd-plan 1\n", NULL },
	{ "mkinitrd-plan 1\n\n  \n", "line 3: unknown verb: ''" },
	{ "mkinitrd-plan 1\nmode is=exec", NULL },
	{ "", "line 1: not a boot plan of the version that this init knows" },
	{ "mkinitrd-plan 2\n", "line 1: not a boot plan of the version that this init knows" },
	{ "mkinitrd-plan 1", "line 1: not a boot plan of the version that this init knows" },
	{ "mkinitrd-plan 1\nfrobnicate a=b\n", "line 2: unknown verb: 'frobnicate'" },
	{ "mkinitrd-plan 1\nmode at=b\n", "line 2: unknown key: 'at'" },
	{ "mkinitrd-plan 1\nmode is=pidns\n", "line 2: an unknown word: 'pidns'" },
	{ "mkinitrd-plan 1\ndeclared restart=often\n", "line 2: an unknown word: 'often'" },
	{ "mkinitrd-plan 1\nmode is\n", "line 2: a key without '=': 'is'" },
	{ "mkinitrd-plan 1\ndisk wait=1s\n", "line 2: not a number: '1s'" },
	{ "mkinitrd-plan 1\ndisk at=\"x\n", "line 2: a quote is not closed" },
	{ "mkinitrd-plan 1\ndisk at=\"x\"y\n", "line 2: text after a closing quote" },
	{ "mkinitrd-plan 1\ndisk at=\"\\", "line 2: a value ends in a backslash" },
	{ "mkinitrd-plan 1\ndisk at=\"\\q\"\n", "line 2: an unknown escape" },
	{ "mkinitrd-plan 1\ndisk at=\"\\x00\"\n", "line 2: a bad hexadecimal escape" },
	{ "mkinitrd-plan 1\ndisk at=\"\\x1\"\n", "line 2: a bad hexadecimal escape" },
	{ "mkinitrd-plan 1\ndisk at=a at=b\n", "line 2: a key stands twice: 'at'" },
	{ "mkinitrd-plan 1\ndisk at=a\ndisk at=b\n", "line 3: a verb stands twice: 'disk'" },
};

static void bad_plans_are_refused_with_their_line(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
		CLEANUP(memory_free) char *error = NULL;
		int r;

		print_message("row: %s\n", rows[i].text);
		r = bootplan_parse(&plan, rows[i].text, strlen(rows[i].text), &error);
		assert_int_equal(r, rows[i].error ? -EINVAL : 0);
		if (rows[i].error)
			assert_string_equal(error, rows[i].error);
		else
			assert_null(error);
	}
}

static void a_plan_cut_anywhere_does_no_harm(void **state UNUSED)
{
	for (size_t length = 0; length < strlen(full_plan); length++) {
		CLEANUP(bootplan_free) struct bootplan plan = BOOTPLAN_EMPTY;
		CLEANUP(memory_free) char *error = NULL;
		CLEANUP(memory_free) char *exact = malloc(length + 1);

		assert_non_null(exact);
		memcpy(exact, full_plan, length); /* ASan sees a read past the end */
		(void)bootplan_parse(&plan, exact, length, &error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_to_plan_to_text_is_the_identity),
		cmocka_unit_test(bad_plans_are_refused_with_their_line),
		cmocka_unit_test(a_plan_cut_anywhere_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
