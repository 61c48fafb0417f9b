/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount_options.c - "noatime,data=journal" as mount(2) wants it
 *
 * In:    options as in fstab(5)
 * Out:   flags, and what is left
 */
#include <string.h>
#include <sys/mount.h>

#include "mount_options.h"

// clang-format off
static const struct {
	const char *word;
	unsigned long set, cleared;
} rows[] = {
	{ "defaults",    0,             0 },
	{ "ro",          0,             0 },
	{ "rw",          0,             0 },
	{ "auto",        0,             0 },
	{ "noauto",      0,             0 },
	{ "nofail",      0,             0 },
	{ "_netdev",     0,             0 },
	{ "nodev",       MS_NODEV,      0 },
	{ "dev",         0,             MS_NODEV },
	{ "nosuid",      MS_NOSUID,     0 },
	{ "suid",        0,             MS_NOSUID },
	{ "noexec",      MS_NOEXEC,     0 },
	{ "exec",        0,             MS_NOEXEC },
	{ "sync",        MS_SYNCHRONOUS, 0 },
	{ "async",       0,             MS_SYNCHRONOUS },
	{ "dirsync",     MS_DIRSYNC,    0 },
	{ "noatime",     MS_NOATIME,    MS_STRICTATIME },
	{ "atime",       0,             MS_NOATIME },
	{ "nodiratime",  MS_NODIRATIME, 0 },
	{ "diratime",    0,             MS_NODIRATIME },
	{ "relatime",    MS_RELATIME,   MS_STRICTATIME },
	{ "norelatime",  0,             MS_RELATIME },
	{ "strictatime", MS_STRICTATIME, MS_NOATIME | MS_RELATIME },
	{ "lazytime",    MS_LAZYTIME,   0 },
	{ "nolazytime",  0,             MS_LAZYTIME },
};
// clang-format on

void mount_options_parse(const char *options, unsigned long *flags, struct text *rest)
{
	while (options && *options) {
		size_t length = strcspn(options, ","), i = 0;

		while (i < COUNT_OF(rows) && (strlen(rows[i].word) != length ||
					      strncmp(rows[i].word, options, length) != 0))
			i++;
		if (i < COUNT_OF(rows)) {
			*flags = (*flags & ~rows[i].cleared) | rows[i].set;
		} else if (length > 0 && !text_after(options, "x-")) {
			if (rest->length)
				text_add_char(rest, ',');
			text_add_bytes(rest, options, length);
		}
		options += length + (options[length] == ',');
	}
}
