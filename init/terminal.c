/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal.c - terminals: which one, open, and in a state that people can use
 *
 * In:    a name as the plan has it
 * Out:   its device, open and sane
 * Facts: /sys/class/tty/console/active lists the consoles, the one behind /dev/console last: kernel
 *        Documentation/ABI/testing/sysfs-tty; termios(3)
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>

#include "lib/file.h"
#include "terminal.h"

int terminal_path(const char *name, char **ret_path)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(memory_free) char *active = NULL;
	int r;

	if (text_equal(name, "console")) {
		r = file_read_line(AT_FDCWD, "/sys/class/tty/console/active", &active);
		if (r < 0)
			return r;
		name = strrchr(active, ' ') ? strrchr(active, ' ') + 1 : active;
		if (!*name)
			return -ENODEV;
	}
	if (name[0] != '/')
		text_add(&path, "/dev/");
	text_add(&path, name);
	return text_take(&path, ret_path);
}

int terminal_open(const char *path)
{
	/* not blocking, so that a line without carrier does not hold us */
	CLEANUP(fd_close) int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios settings;

	if (fd < 0 || tcgetattr(fd, &settings) < 0 || fcntl(fd, F_SETFL, O_RDWR) < 0)
		return -errno;
	return fd_take(&fd);
}

void terminal_make_sane(int fd)
{
	static const struct {
		int index;
		cc_t character;
	} rows[] = {
		{ VINTR, 'C' - '@' },   { VQUIT, '\\' - '@' }, { VERASE, 0x7f },
		{ VKILL, 'U' - '@' },   { VEOF, 'D' - '@' },   { VSTART, 'Q' - '@' },
		{ VSTOP, 'S' - '@' },   { VSUSP, 'Z' - '@' },  { VREPRINT, 'R' - '@' },
		{ VWERASE, 'W' - '@' }, { VLNEXT, 'V' - '@' }, { VMIN, 1 },
		{ VTIME, 0 },
	};
	struct termios settings;

	if (tcgetattr(fd, &settings) < 0)
		return;
	settings.c_iflag = ICRNL | IXON | IUTF8;
	settings.c_oflag = OPOST | ONLCR;
	settings.c_cflag = (settings.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8 | CREAD | CLOCAL;
	settings.c_lflag = ISIG | ICANON | IEXTEN | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		settings.c_cc[rows[i].index] = rows[i].character;
	(void)tcsetattr(fd, TCSANOW, &settings);
}

const char *terminal_type(const char *path)
{
	const char *number = text_after(path, "/dev/tty");

	return number && *number >= '0' && *number <= '9' ? "TERM=linux" : "TERM=vt220";
}
