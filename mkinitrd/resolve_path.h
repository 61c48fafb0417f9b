/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_path.h - who asks for a path, for the files that implement resolution
 *
 * Everybody else: resolve.h.
 */
#pragma once

#include "resolve.h"

struct want {
	const char *relation;
	const char *by;   /* path of the entry that asks, or NULL */
	struct origin at; /* when by is NULL */
	bool is_named;
	bool is_below; /* found in a directory: what no image can hold is skipped there */
	bool has_mode; /* mode, uid and gid are the object's own, not what the root says */
	bool has_owner;
	mode_t mode;
	uint32_t uid, gid;
};

/** resolve_want() - resolve_path() with attributes */
int resolve_want(struct resolve *resolve, const char *path, const struct want *want);

/** resolve_need() - resolve_want(), content with what the image has there when the root has nothing
 */
int resolve_need(struct resolve *resolve, const char *path, const struct want *want);

/** want_add() - manifest_add() with the reason and attributes of @want */
int want_add(struct resolve *resolve, const struct want *want, struct addition *addition,
	     struct entry **ret_entry);

/** want_describe() - "program 'dockerd' (docker.yaml:12:3)", or the chain of reasons, for errors */
void want_describe(const struct resolve *resolve, const struct want *want, struct text *text);

/** want_fail() - "cannot WHAT 'PATH' in the root, WHO WANTS IT; ADVICE: REASON" (@advice: or NULL).
 * Return: @error */
int want_fail(const struct resolve *resolve, int error, const char *what, const char *path,
	      const struct want *want, const char *advice);

/** want_fail_look() - want_fail() for what cannot be followed or looked at */
int want_fail_look(const struct resolve *resolve, int error, const char *path,
		   const struct want *want);

/** path_add_file() - what @source (a path in @sysroot, followed) holds as the file @place; speaks,
 * also for -ENOENT */
int path_add_file(struct resolve *resolve, const char *place, enum source_kind kind,
		  const struct sysroot *sysroot, const char *source, const struct want *want);

/** resolve_program_want() - resolve_program() with whatever reason; the program must be there */
int resolve_program_want(struct resolve *resolve, const char *name, const struct want *want,
			 char **ret_path);

/** resolve_script() - the interpreter that the line @line (after "#!") of a script names; speaks */
int resolve_script(struct resolve *resolve, const struct entry *entry, const char *line);
