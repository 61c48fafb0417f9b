/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_library.h - libkmod's answers about one kernel, as names
 *
 * All quiet. Names are with underscores.
 */
#pragma once

#include "sysroot.h"

struct module_library;

/**
 * module_library_open() - load the binary indexes in a directory
 * @directory_fd: the library's from now on, also on failure
 * @config:       all of modprobe.d as one text: see module_config.c for why libkmod does not read
 * it
 */
int module_library_open(int directory_fd, const struct text *config,
			struct module_library **ret_library);
void module_library_close(struct module_library *library);

/** module_library_lookup() - what modprobe would load for a name or alias; nothing is no error */
int module_library_lookup(const struct module_library *library, const char *name,
			  struct strings *ret_names);

/** module_library_softdeps() - the softdeps of a module, as far as they exist */
int module_library_softdeps(const struct module_library *library, const char *name,
			    struct strings *ret_pre, struct strings *ret_post);
