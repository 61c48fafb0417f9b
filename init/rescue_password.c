/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rescue_password.c - a password before the rescue shell
 *
 * In:    a hash of crypt(3); lines typed at a terminal
 * Out:   the right one, or no return
 * Facts: libxcrypt knows $6$ (SHA-512), $5$, $y$ (yescrypt), $2b$ and more; an unknown one gives
 *        "*0" or NULL: crypt(3), crypt(5). Static, it makes init 180 KB larger
 */
#include <crypt.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "lib/file.h"
#include "log.h"
#include "rescue_password.h"

#define TYPED_BYTES 512
#define TRIES 3
#define PAUSE_S 10

bool password_is_right(const char *hash, const char *typed)
{
	struct crypt_data *data = calloc(1, sizeof(*data)); /* 32 KB */
	const char *made = data ? crypt_r(typed, hash, data) : NULL;
	size_t length = strlen(hash);
	unsigned char difference = 0;
	bool is_right = made && made[0] != '*' && strlen(made) == length;

	/* takes as long for a hash that begins alike */
	for (size_t i = 0; is_right && i < length; i++)
		difference |= (unsigned char)(made[i] ^ hash[i]);
	if (data)
		explicit_bzero(data, sizeof(*data));
	free(data);
	return is_right && difference == 0;
}

static void echo_set(int fd, bool is_on)
{
	struct termios settings;

	if (tcgetattr(fd, &settings) < 0)
		return;
	settings.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL | ISIG);
	if (is_on)
		settings.c_lflag |= ECHO | ECHOE | ECHOK | ISIG;
	/* what was typed before the question is no answer to it */
	(void)tcsetattr(fd, is_on ? TCSADRAIN : TCSAFLUSH, &settings);
}

static void say(int fd, const char *text)
{
	(void)file_write_fd(fd, text, strlen(text));
}

/* one line; a longer one, or none at all, is an empty one */
static void read_typed(int fd, char typed[TYPED_BYTES])
{
	ssize_t length;

	do
		length = read(fd, typed, TYPED_BYTES - 1);
	while (length < 0 && errno == EINTR);
	typed[length > 0 ? length : 0] = '\0';
	typed[strcspn(typed, "\n")] = '\0';
}

void password_ask(int fd, const char *name, const char *hash)
{
	const struct timespec pause = { .tv_sec = PAUSE_S };
	char typed[TYPED_BYTES];

	for (unsigned wrong = 0;;) {
		bool is_right;

		echo_set(fd, false);
		say(fd, "Password for the rescue shell: ");
		read_typed(fd, typed);
		echo_set(fd, true);
		is_right = password_is_right(hash, typed);
		explicit_bzero(typed, sizeof(typed));
		say(fd, is_right ? "\n" : "\nThat is not it.\n");
		if (is_right)
			return;
		if (++wrong % TRIES > 0)
			continue;
		(void)log_line(LOG_WARNING, 0, "rescue: %u wrong passwords on %s", wrong, name);
		say(fd, "A pause of 10 seconds.\n");
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
}
