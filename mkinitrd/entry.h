/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.h - single entries, for the files that implement the manifest
 *
 * Everybody else: manifest.h.
 */
#pragma once

#include "manifest.h"

#define PATH_MOST 4096 /* with NUL; the kernel refuses longer names in an archive */

/** path_is_canonical() - "a/b": not empty, no leading, double or trailing '/', no "." or ".." */
bool path_is_canonical(const char *path);

/** entry_fail_changed() - say that a source did not hold still. Return: -ESTALE */
int entry_fail_changed(const struct entry *entry);

void entry_free(struct entry *entry);

/** entry_set() - what @addition says of the entry itself: all but path and reason; quiet. Takes
 * source.bytes over. Return: 0 or -ENOMEM; nothing has changed then */
int entry_set(struct entry *entry, struct addition *addition);

/** entry_add_reason() - that of @addition, unless an equal one is there; quiet. Return: 0 or
 * -ENOMEM */
int entry_add_reason(struct entry *entry, const struct addition *addition);

/** entry_clear_reasons() - none are left */
void entry_clear_reasons(struct entry *entry);

/** reason_order() - for qsort(3): lines of profiles first, in their order; then entries by path */
int reason_order(const void *left, const void *right);

/** entry_same_source() - whether type and source (target, bytes) are those of @addition */
bool entry_same_source(const struct entry *entry, const struct addition *addition);

/** entry_same_attributes() - whether mode, owner and extended attributes are those of @addition */
bool entry_same_attributes(const struct entry *entry, const struct addition *addition);

/**
 * entry_same_content() - whether two files hold equal bytes, by reading both; speaks
 *
 * Return: 1, 0, or a negative errno
 */
int entry_same_content(const struct entry *entry, const struct addition *addition);

/**
 * manifest_add_parents() - every directory above @entry, nearest last; speaks
 * @parent_mode: as for manifest_finish()
 *
 * One that is not there yet is wanted by @entry. Return: 0, or a negative errno
 */
int manifest_add_parents(struct manifest *manifest, const struct entry *entry,
			 mode_t (*parent_mode)(const char *path, void *context), void *context);

/** manifest_link() - what is left of each group of hard links: the others point to the first;
 * speaks. Return: 0 or -ENOMEM */
int manifest_link(struct manifest *manifest);
