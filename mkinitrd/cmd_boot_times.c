/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_boot_times.c - mkinitrd boot-times: how long the steps of a boot took
 *
 * In:    what a machine said on its serial line, or its /run/mkinitrd/boot.json; "-": stdin
 * Out:   the times on stdout
 * Not:   reading and printing (../init/lib/boot_times.c), which the machine's boot-times shares
 */
#include <errno.h>
#include <fcntl.h>

#include "../init/lib/boot_times.h"
#include "fail.h"
#include "options.h"

#define RECORD_PATH "/run/mkinitrd/boot.json"

static int open_log(const char *path)
{
	CLEANUP(fd_close) int fd = -1;

	if (text_equal(path, "-"))
		return dup(STDIN_FILENO);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd_take(&fd);
}

static int cannot(int error, const char *path, unsigned wanted, unsigned count)
{
	if (error == -ENODATA)
		return fail(0,
			    "'%s' has no line of mkinitrd's init; was it the kernel's console, and "
			    "without 'quiet'?",
			    path);
	if (error == -ERANGE)
		return fail(0, "'%s' has %u boot%s, not %u", path, count, count == 1 ? "" : "s",
			    wanted);
	if (error == -ENOENT && text_equal(path, RECORD_PATH))
		return fail(0,
			    "this system was not booted by mkinitrd's init ('%s' is not there); "
			    "name a log: mkinitrd boot-times LOG",
			    path);
	return fail(error, "cannot read '%s'", path);
}

int cmd_boot_times(const struct options *options)
{
	const char *path = options->arguments.count ? options->arguments.items[0] : RECORD_PATH;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	struct boot_times times = { 0 };
	int r;

	if (options->arguments.count > 1) {
		(void)fail(0, "boot-times: one log; use: mkinitrd boot-times [LOG]");
		return EXIT_USAGE;
	}
	fd = open_log(path);
	r = fd < 0 ? fd : boot_times_read(fd, options->boot, &times);
	if (r < 0)
		return cannot(r, path, options->boot, times.count), EXIT_FAILED;
	if (times.count > 1 && options->boot == 0)
		say("the last of %u boots in '%s'; --boot N shows another", times.count, path);
	if (options->json)
		boot_times_format_json(&times, &text);
	else
		boot_times_format(&times, &text);
	(void)fwrite(text.data, 1, text.length, stdout);
	return text.failed ? EXIT_FAILED : EXIT_DONE;
}
