/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_json.h - words of the manifest's text form, for who writes it and who reads it
 *
 * Everybody else: manifest.h.
 */
#pragma once

#include <jansson.h>

#include "manifest.h"

#define FORMAT 1

static const char *const type_names[] = {
	[ENTRY_FILE] = "file",          [ENTRY_DIRECTORY] = "directory",
	[ENTRY_SYMLINK] = "symlink",    [ENTRY_CHARACTER] = "character device",
	[ENTRY_BLOCK] = "block device", [ENTRY_FIFO] = "fifo",
};

static const char *const kind_names[] = {
	[SOURCE_NONE] = "none",       [SOURCE_ROOT] = "root",       [SOURCE_TOOL] = "tool",
	[SOURCE_PROFILE] = "profile", [SOURCE_CONTENT] = "content", [SOURCE_TREE] = "tree",
};

/** xattrs_to_json() - {"NAME": "HEX", ...}; NULL: out of memory */
json_t *xattrs_to_json(const struct xattrs *xattrs);

static inline void json_cleanup(json_t **json)
{
	json_decref(*json);
	*json = NULL;
}
