/* SPDX-License-Identifier: Apache-2.0 */
/*
 * library_path.h - in which folders the dynamic loader looks for libraries
 *
 * Results are appended, in order of search.
 */
#pragma once

#include "elf_object.h"
#include "sysroot.h"

/** library_path_configured() - what the root's /etc/ld.so.conf names; warns of what it cannot read
 */
int library_path_configured(const struct sysroot *root, struct strings *ret_folders);

/**
 * library_path_default() - what glibc's loader has built in; quiet
 * @loader: the one that loads files like @object; NULL when it is not known, then all are taken
 */
int library_path_default(const struct elf_object *object, const struct elf_object *loader,
			 struct strings *ret_folders);

/** library_path_musl() - what musl's loader for @architecture looks through; warns */
int library_path_musl(const struct sysroot *root, const char *architecture,
		      struct strings *ret_folders);

/** library_musl_has() - musl is one file: its loader answers for the library @name, whatever its
 * version */
bool library_musl_has(const char *name);

/**
 * library_musl_architecture() - "ld-musl-x86_64.so.1", "libc.musl-x86_64.so.1" -> "x86_64"
 * @ret_architecture: NULL when @name is neither; the caller frees it
 */
int library_musl_architecture(const char *name, char **ret_architecture);

/**
 * library_path_expand() - the folders of a DT_RPATH or DT_RUNPATH; quiet
 * @origin: what $ORIGIN stands for
 *
 * Relative folders depend on where the program is started, and are left out. What distributions
 * put for $LIB differs: all forms are tried.
 */
int library_path_expand(const char *list, const struct elf_object *object, const char *origin,
			struct strings *ret_folders);
