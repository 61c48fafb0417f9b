/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_times_applet.c - boot-times: how long the steps of this boot took
 *
 * In:    /run/mkinitrd/boot.json, or a log that is named
 * Out:   the times on stdout; exit status 0 done, 1 failed, 2 used wrongly
 * Not:   reading and printing (lib/boot_times.c), which `mkinitrd boot-times` shares
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/boot_times.h"
#include "lib/file.h"
#include "machine.h"

static int usage(FILE *stream, int status)
{
	(void)fprintf(stream, "usage: boot-times [--json] [LOG]\n"
			      "How long the steps of this boot took, or of the last one in LOG.\n");
	return status;
}

int applet_boot_times(int argc, char **argv)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	const char *path = BOOT_RECORD_PATH;
	struct boot_times times;
	bool has_path = false, as_json = false;
	int r;

	for (int i = 1; i < argc; i++) {
		if (text_equal(argv[i], "--json"))
			as_json = true;
		else if (text_equal(argv[i], "-h") || text_equal(argv[i], "--help"))
			return usage(stdout, 0);
		else if (argv[i][0] == '-' || has_path)
			return usage(stderr, 2);
		else
			path = argv[i], has_path = true;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : boot_times_read(fd, 0, &times);
	if (r < 0) {
		(void)fprintf(stderr, "boot-times: cannot read '%s': %s\n", path,
			      r == -ENODATA ? "no line of init is in it" : strerror(-r));
		return 1;
	}
	if (as_json)
		boot_times_format_json(&times, &text);
	else
		boot_times_format(&times, &text);
	return text.failed || file_write_fd(STDOUT_FILENO, text.data, text.length) < 0;
}
