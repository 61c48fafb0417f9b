/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unmount.h - file systems at the end of the machine
 */
#pragma once

#include <stdbool.h>

#include "lib/text.h"

struct mount_entry {
	char *source, *path, *type;
	bool is_read_only;
};

struct mount_list {
	struct mount_entry *items;
	size_t count;
};

void mount_list_free(struct mount_list *list);

/** mount_list_parse() - the text of /proc/self/mounts, in its order, "\040" decoded */
int mount_list_parse(struct mount_list *list, const char *text);

/** mount_unescape() - "\040" and its like, in place */
void mount_unescape(char *string);

/** thaw_all() - file systems on devices that somebody froze: what waits for them can go on, and
 * end. Return: how many */
size_t thaw_all(void);

/**
 * unmount_all() - swap off; what Docker left, and every file system on a device, last mounted
 * first; loop and dm devices that are free then
 * @data: a directory that goes with all below it, Docker's; may be NULL
 * @kept: what stays with all below it, since "/" stands on it: unmounted there, it would only be
 * out of settle_disks()' sight; may be NULL
 * @said: how it went
 *
 * A disk that somebody in another mount namespace still holds, because no signal reaches him, is
 * mounted again where it was. Return: 0 also when some are busy: settle_disks() is for those
 */
int unmount_all(const char *data, const char *kept, struct text *said);

/**
 * settle_disks() - bring those that are still mounted into a state that needs no recovery:
 * read-only if they let us, else frozen. Afterwards nothing may write to, or start from them.
 *
 * Return: 0, or a negative errno when one of them stays as it is
 */
int settle_disks(struct text *said);
