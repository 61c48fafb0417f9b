/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_info.h - what a kernel module's file says: its .modinfo section, its symbols
 */
#pragma once

#include <stdbool.h>

#include "../init/lib/text.h"

/**
 * module_info_read() - the "key=value" strings of a module's .modinfo section, in its order
 * @fd:            the module's file, at offset 0
 * @is_compressed: the file is a .ko.xz, .ko.zst or .ko.gz
 *
 * Quiet. Untrusted input.
 *
 * Return: 0 (also when there is no such section), -ENOEXEC when it is no ELF file, or another
 * negative errno.
 */
int module_info_read(int fd, bool is_compressed, struct strings *ret_lines);

/** module_info_value() - what follows "KEY=" in @line, or NULL when it has another key */
const char *module_info_value(const char *line, const char *key);

struct module_facts {
	struct strings info;    /* as module_info_read() gives it */
	struct strings exports; /* symbols that it has for other modules */
	struct strings needs;   /* symbols that the kernel or other modules must have */
};

/** module_facts_read() - module_info_read(), and the symbols, each in the file's order */
int module_facts_read(int fd, bool is_compressed, struct module_facts *ret_facts);
void module_facts_free(struct module_facts *facts);
