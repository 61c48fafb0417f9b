/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount_applet.c - "mkinitrd-mount": steps "root" and "disk" for other generators' initramfs
 *
 * In:    the kernel command line, parameters, a boot plan where there is one
 * Out:   the root, mounted, and Docker's disk in it; one line on standard error when that fails
 * Not:   making it "/": that is for the initramfs that calls it
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "lib/file.h"
#include "api_mounts.h"
#include "mount_applet_disk.h"
#include "root_mount.h"
#include "tree.h"
#include "uevent.h"

#define CMDLINE_BYTES (64 << 10)
#define PLAN_BYTES (64 << 20)

static int usage(FILE *stream, int status)
{
	(void)fputs(
		"usage: mkinitrd-mount [-d] [-n] [-p PLAN] NEWROOT [PARAMETER...]\n"
		"Mount the root that the kernel command line names, with its writable layer, at "
		"NEWROOT,\nand the disk for Docker that it names (mkinitrd.disk=) in it.\n"
		"  -d  only that disk: something is mounted at NEWROOT already\n"
		"  -n  do not read /proc/cmdline, only the PARAMETERs: root=LABEL=BOOT "
		"mkinitrd.image=/root.squashfs\n"
		"  -p  read 'root', 'verity' and 'disk' of this boot plan (default: " BOOTPLAN_PATH
		", when it is there)\n",
		stream);
	return status;
}

PRINTF_LIKE(1, 2) static int fail(const char *format, ...)
{
	va_list arguments;

	(void)fputs("mkinitrd-mount: ", stderr);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputc('\n', stderr);
	return 1;
}

/* the words of both, in this order */
static int add_words(struct cmdline *cmdline, const char *text)
{
	CLEANUP(cmdline_free) struct cmdline more = CMDLINE_EMPTY;
	int r = cmdline_parse(&more, text);
	struct cmdline_word *words;

	if (r < 0 || more.count == 0)
		return r;
	words = reallocarray(cmdline->words, cmdline->count + more.count, sizeof(*words));
	if (!words)
		return -ENOMEM;
	memcpy(words + cmdline->count, more.words, more.count * sizeof(*words));
	cmdline->words = words;
	cmdline->count += more.count;
	more.count = 0; /* the strings have gone over */
	return 0;
}

static int read_words(struct machine *machine, bool reads_kernel, char **parameters)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = reads_kernel ? file_read(AT_FDCWD, "/proc/cmdline", CMDLINE_BYTES, &text) : 0;

	if (r == 0)
		r = add_words(&machine->cmdline, text_string(&text));
	for (; r == 0 && *parameters; parameters++)
		r = add_words(&machine->cmdline, *parameters);
	return r;
}

/* Return: an exit status */
static int read_plan(struct machine *machine, const char *path)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(memory_free) char *error = NULL;
	int r = file_read(AT_FDCWD, path ? path : BOOTPLAN_PATH, PLAN_BYTES, &text);

	if (r == -ENOENT && !path)
		return 0;
	if (r < 0)
		return fail("cannot read the plan '%s': %s", path, strerror(-r));
	r = bootplan_parse(&machine->plan, text_string(&text), text.length, &error);
	return r < 0 ? fail("the plan '%s' %s", path ? path : BOOTPLAN_PATH,
			    error ? error : strerror(-r))
		     : 0;
}

static int mount_root(struct machine *machine, const char *at)
{
	CLEANUP(root_request_free) struct root_request request = ROOT_REQUEST_EMPTY;
	struct step_record record = { .name = "root" };
	CLEANUP(root_close)
	struct root root = { .machine = machine, .request = &request, .record = &record };
	CLEANUP(text_free) struct text why = TEXT_EMPTY;
	int r = root_request_make(&request, &machine->plan, &machine->cmdline, &why);

	if (r < 0)
		return fail("%s", why.length ? text_string(&why) : strerror(-r));
	r = root_mount(&root, at);
	if (r < 0)
		return fail("%s", record.details[0] ? record.details : strerror(-r));
	(void)log_line(LOG_INFO, 0, "root: ok%s at=%s", text_string(&root.details), at);
	return 0;
}

static int mount_disk(struct machine *machine, const char *root)
{
	struct step_record record = { .name = "disk" };
	int r = applet_disk(machine, root, &record);

	if (r < 0)
		return fail("%s", record.details[0] ? record.details : strerror(-r));
	if (machine->plan.has_disk)
		(void)log_line(LOG_INFO, 0, "disk: %s%s", r == STEP_SKIP ? "skipped: " : "ok ",
			       record.details);
	return 0;
}

static int mount_both(struct machine *machine, const char *at)
{
	int status = mount_root(machine, at);

	if (status == 0) {
		status = mount_disk(machine, at);
		if (status)
			root_unmount(at);
	}
	if (status == 0 && access(EXIT_DIRECTORY "/shutdown", F_OK) < 0)
		tree_exit_prepare(machine, at);
	return status;
}

int applet_mount(int argc, char **argv)
{
	static struct machine machine = { .uevent_fd = -1 };
	static const struct option options[] = { { "disk", no_argument, NULL, 'd' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	const char *plan = NULL, *at;
	bool reads_kernel = true, is_disk_only = false;
	int option, r;

	while ((option = getopt_long(argc, argv, "+dnp:h", options, NULL)) != -1) {
		if (option == 'n')
			reads_kernel = false;
		else if (option == 'p')
			plan = optarg;
		else if (option == 'd')
			is_disk_only = true;
		else
			return option == 'h' ? usage(stdout, 0) : usage(stderr, 2);
	}
	if (optind >= argc || argv[optind][0] != '/')
		return usage(stderr, 2);
	at = argv[optind];
	if (!is_disk_only && is_mount_point(at))
		return fail("something is mounted at '%s' already", at);
	if (is_disk_only && !is_mount_point(at))
		return fail("nothing is mounted at '%s' yet; without -d the root is, too", at);
	log_open();
	r = directory_make(RUN_DIRECTORY, 0755);
	if (r == 0)
		r = read_words(&machine, reads_kernel, argv + optind + 1);
	if (r < 0)
		return fail("cannot begin: %s", strerror(-r));
	r = read_plan(&machine, plan);
	if (r)
		return r;
	(void)uevent_open(&machine); /* without: one look, and no waiting */
	return is_disk_only ? mount_disk(&machine, at) : mount_both(&machine, at);
}
