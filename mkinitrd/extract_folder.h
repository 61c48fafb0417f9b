/* SPDX-License-Identifier: Apache-2.0 */
/*
 * extract_folder.h - what the files that implement extraction share
 *
 * Everybody else: extract.h.
 */
#pragma once

#include "extract.h"

/** extract_speak() - "cannot extract 'PATH': REASON". Return: @r */
int extract_speak(const char *path, int r);

/** extract_attributes() - of what was made; quiet. Return: 0 or -errno */
int extract_attributes(const struct extraction *extraction, int fd, mode_t mode, uint32_t uid,
		       uint32_t gid, int64_t mtime);

/** extract_remember() - the attributes of a directory, for extract_finish(); quiet. Return: 0 or
 * -ENOMEM */
int extract_remember(struct extraction *extraction, const struct image_entry *entry);
