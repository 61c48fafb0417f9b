/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_load.h - one program as the loader has it in memory, for the files that implement resolution
 */
#pragma once

#include "resolve_elf.h"

#define NOBODY SIZE_MAX

struct loaded {
	struct elf_object *object;
	char *name;    /* as it was asked for */
	char *origin;  /* its folder: $ORIGIN */
	size_t loader; /* index of the first that asked, or NOBODY */
};

/* what the loader has in memory for one program */
struct load {
	struct resolve *resolve;
	struct elf_cache *cache;
	struct loaded *items; /* [0] is the program */
	size_t count;
	char *musl; /* the architecture in the name of musl's loader; NULL: glibc */
};

/**
 * elf_load_search() - look for the library @name that item @loader of @load asks for, where the
 * loader does and in its order; what the search itself needs at boot is packed; speaks
 * @ret_path: where it was found; the caller frees it
 *
 * Return: 1 found, 0 not (@search tells where it was looked for), or a negative errno
 */
int elf_load_search(struct load *load, struct library_search *search, size_t loader,
		    const char *name, struct elf_object **ret_object, char **ret_path);
