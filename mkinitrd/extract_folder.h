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

/** extract_xattrs() - those of the entry at hand, after its owner, of which file capabilities
 * depend; quiet. Who is not root, or a file system without them, does without. Return: 0 or
 * -errno */
int extract_xattrs(const struct extraction *extraction, int fd);

/** extract_space() - whether @size bytes have room; quiet. Return: 0, -ENOSPC, or -errno */
int extract_space(const struct extraction *extraction, uint64_t size);

/** extract_content() - the content of the entry at hand, of @size bytes, into the file @fd, which
 * is at @path; speaks. Return: 0 or -errno */
int extract_content(struct extraction *extraction, int fd, const char *path, uint64_t size);

/** extract_is_interrupted() - whether extract_interrupt() was called */
bool extract_is_interrupted(void);

/** extract_remember() - the attributes of a directory, for extract_finish(); quiet. Return: 0 or
 * -ENOMEM */
int extract_remember(struct extraction *extraction, const struct image_entry *entry);
