/* SPDX-License-Identifier: Apache-2.0 */
/*
 * temporary.c - names of what is not finished (see temporary.h)
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "temporary.h"

#define RANDOM_LENGTH 6

static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";

/* ".NAME."; a long NAME is cut, what follows keeps the whole unique */
static void add_prefix(struct text *text, const char *name)
{
	text_clear(text);
	text_format(text, ".%.*s.", NAME_MAX - 16, name);
}

int temporary_name(const char *name, struct text *text)
{
	unsigned char random[RANDOM_LENGTH];

	if (getentropy(random, sizeof(random)) < 0)
		return -errno;
	add_prefix(text, name);
	for (size_t i = 0; i < sizeof(random); i++)
		text_add_char(text, letters[random[i] % 32]);
	return text->failed ? -ENOMEM : 0;
}

void temporary_each(int directory_fd, const char *name, temporary_function *function, void *context)
{
	CLEANUP(text_free) struct text prefix = TEXT_EMPTY;
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *item;
	int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory)
		fd_close(&fd);
	add_prefix(&prefix, name);
	while (directory && (item = readdir(directory)) != NULL) {
		const char *rest = text_after(item->d_name, text_string(&prefix));

		if (rest && strlen(rest) == RANDOM_LENGTH && strspn(rest, letters) == RANDOM_LENGTH)
			function(context, item->d_name);
	}
}
