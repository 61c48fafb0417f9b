/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_elf.h - what is known of ELF files, and where libraries are found
 *
 * For the files that implement resolution.
 */
#pragma once

#include "elf_object.h"
#include "resolve.h"

struct elf_cache {
	struct path_map objects; /* by canonical path in the image */
	struct path_map folders; /* what lies in a library folder, by the path it is searched as */
	struct path_map loaded;  /* "64 libc.so.6": names that some program has loaded */
	struct elf_object *loaders[2]; /* the last glibc one for 32 bits, for 64: what has no
					* interpreter is loaded by it; NULL: none yet */
	struct strings configured;     /* library_path_configured() */
	bool is_configured;
	bool has_musl_path;    /* /etc/ld-musl-ARCH.path was packed, or is not there */
	bool has_search_cache; /* /etc/ld.so.cache was packed, or its absence said */
};

/** elf_cache_get() - the cache of @resolve, made when it is not there yet; NULL: out of memory */
struct elf_cache *elf_cache_get(struct resolve *resolve);
void elf_cache_free(struct elf_cache *cache);

/** elf_look() - read the ELF file @entry, with content @fd, and remember it; speaks */
int elf_look(struct resolve *resolve, const struct entry *entry, int fd);

/** elf_find() - the object that was read from @path (absolute, canonical), or NULL */
struct elf_object *elf_find(const struct resolve *resolve, const char *path);

/** elf_is_known() - whether @entry was read already, as what something else needs */
bool elf_is_known(const struct resolve *resolve, const struct entry *entry);

/** elf_is_program() - whether @entry is an ELF file that was read and has an interpreter */
bool elf_is_program(const struct resolve *resolve, const struct entry *entry);

/* one search for one library */
struct library_search {
	struct resolve *resolve;
	const struct elf_object *like; /* the class and machine that fit */
	bool is_interpreter;           /* one may be a program at a fixed address, as klibc's is */
	struct strings folders;        /* where it was looked for, in order */
	struct elf_object *wrong;      /* the first one that does not fit, or NULL */
	bool has_variants;             /* look into glibc-hwcaps folders, too */
	struct strings variants;       /* what was found there: paths */
};

/**
 * library_try() - look for the library @name in @folder (absolute); speaks
 * @ret_path: where it was found: @folder/@name; the caller frees it
 *
 * Return: 1 found, 0 not, or a negative errno
 */
int library_try(struct library_search *search, const char *folder, const char *name,
		struct elf_object **ret_object, char **ret_path);

/** library_try_path() - the same for a path; speaks */
int library_try_path(struct library_search *search, const char *path,
		     struct elf_object **ret_object);
