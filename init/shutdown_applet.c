/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shutdown_applet.c - the end of a machine whose root has systemd
 *
 * In:    started by systemd as process 1 in /run/initramfs, the old root in /oldroot; what to do
 *        then as an argument: poweroff, reboot, halt, kexec
 * Out:   everything unmounted, devices released; the machine off, or started again
 * Not:   ending services: systemd has done that
 * Facts: https://systemd.io/INITRD_INTERFACE/
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>

#include "block.h"
#include "lib/file.h"
#include "machine.h"
#include "api_mounts.h"
#include "power.h"
#include "root_mount.h"
#include "tree.h"
#include "unmount.h"

#define OLD_ROOT "/oldroot"
#define COW_AGAIN "/cow-again"
#define WITHIN_MS 60000
#define REAP_MS 5000

/* who is left has files open that keep the root busy */
static void end_all(void)
{
	uint64_t end_ms = clock_ms() + REAP_MS;

	(void)kill(-1, SIGKILL);
	while (clock_ms() < end_ms && waitpid(-1, NULL, WNOHANG) > 0)
		;
}

/* The root stands on an image, a loop device holds the image's file, and with it the mount that the
 * file is on, which lies below the root: none of them would go first. So those mounts move here. */
static void take_parts(void)
{
	static const char *const parts[] = { ROOT_BOOT, ROOT_IMAGE, ROOT_INNER };

	/* what is mounted below a shared mount cannot be moved: mount(2) */
	(void)mount(NULL, OLD_ROOT, NULL, MS_REC | MS_PRIVATE, NULL);
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		CLEANUP(text_free) struct text from = TEXT_EMPTY;
		CLEANUP(text_free) struct text to = TEXT_EMPTY;

		text_format(&from, OLD_ROOT "%s", parts[i]);
		text_format(&to, "/parts/%s", base_name(parts[i]));
		if (is_mount_point(text_string(&from)) &&
		    (directory_make(text_string(&to), 0700) < 0 ||
		     mount(text_string(&from), text_string(&to), NULL, MS_MOVE, NULL) < 0))
			(void)log_line(LOG_WARNING, -errno, "shutdown: '%s' stays where it is: %s",
				       parts[i], strerror(errno));
	}
}

/* Systemd unmounts the disk of the root's changes, which lives on below the overlay. Where that
 * could not go either, it is mounted once more: the same file system, and it can be settled. */
static void take_cow_back(void)
{
	CLEANUP(block_free) struct block_device device = { 0 };
	CLEANUP(memory_free) char *path = NULL;
	CLEANUP(fd_close) int fd = -1;

	if (file_read_line(AT_FDCWD, "/" EXIT_COW, &path) < 0)
		return;
	/* a file system that is alive claims its device: open(2), O_EXCL */
	fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (fd >= 0 || errno != EBUSY || block_probe(&device, path, 0) < 0 || !device.type)
		return;
	if (directory_make(COW_AGAIN, 0700) < 0 || mount(path, COW_AGAIN, device.type, 0, NULL) < 0)
		(void)log_line(LOG_ERROR, -errno, "shutdown: %s cannot be settled: %s", path,
			       strerror(errno));
}

int applet_shutdown(int argc, char **argv)
{
	// clang-format off
	static const struct {
		const char *verb;
		int command;
	} rows[] = {
		{ "poweroff", RB_POWER_OFF },
		{ "reboot",   RB_AUTOBOOT },
		{ "halt",     (int)RB_HALT_SYSTEM },
		{ "kexec",    RB_KEXEC },
	};
	// clang-format on
	CLEANUP(text_free) struct text said = TEXT_EMPTY;
	const char *verb = argc > 1 ? argv[1] : "poweroff";
	int command = RB_POWER_OFF, r;

	if (getpid() != 1) {
		(void)fprintf(stderr, "shutdown: this is for systemd, which starts it as process 1 "
				      "at the end; use 'poweroff' or 'reboot'\n");
		return 2;
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (text_equal(rows[i].verb, verb))
			command = rows[i].command;
	log_open();
	end_all();
	power_watch(command == (int)RB_AUTOBOOT ? POWER_REBOOT : POWER_OFF, WITHIN_MS);
	sync();
	take_parts();
	r = unmount_all(OLD_ROOT, NULL, &said);
	take_cow_back();
	text_add(&said, "; ");
	if (r == 0)
		r = settle_disks(&said);
	(void)log_line(r < 0 ? LOG_ERROR : LOG_INFO, r, "shutdown: %s", text_string(&said));
	(void)log_line(LOG_WARNING, 0, "shutdown: %s now", verb);
	(void)reboot(command);
	(void)reboot(RB_POWER_OFF);
	for (;;)
		(void)pause();
}
