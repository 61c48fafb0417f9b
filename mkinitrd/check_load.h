/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_load.h - a program loaded as the dynamic loader would in the image: for check_programs.c
 */
#pragma once

#include "check.h"

struct check_loader;

struct check_loader *check_load_new(struct check *check);
void check_loader_free(struct check_loader *loader);
static inline void check_loader_cleanup(struct check_loader **loader)
{
	check_loader_free(*loader);
	*loader = NULL;
}

/** check_load() - find the loader and every library of the program, or of a library that no
 * program so far has loaded; what is missing is a finding */
void check_load(struct check_loader *loader, struct check_facts *facts);
