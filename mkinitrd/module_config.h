/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_config.h - the root's modprobe.d, line by line
 */
#pragma once

#include <stdbool.h>

#include "module_index.h"
#include "sysroot.h"

enum module_verb {
	MODULE_ALIAS,
	MODULE_BLACKLIST,
	MODULE_INSTALL,
	MODULE_OPTIONS,
	MODULE_REMOVE,
	MODULE_SOFTDEP,
	MODULE_WEAKDEP,
};

struct module_setting {
	enum module_verb verb;
	char *key;        /* module, alias or pattern, with underscores */
	char *rest;       /* what follows the key; may be empty */
	bool is_own;      /* from modules.softdep, modules.weakdep: the modules' own word, not the
			     administrator's */
	const char *file; /* path in the root, for messages */
	unsigned line;
};

struct module_config {
	struct module_setting *settings; /* in the order in which modprobe reads them */
	size_t count, allocated;
	struct strings files;
	struct text text; /* the same as one modprobe.d file, without what modprobe would refuse */
};

#define MODULE_CONFIG_EMPTY ((struct module_config){ 0 })

/** module_verb_name() - "alias", "blacklist", ... */
const char *module_verb_name(enum module_verb verb);

/**
 * module_config_read() - read every file that modprobe would, in its order
 * @directory: of the kernel's modules in the root; its modules.softdep is one of the files
 * @computed:  indexes that stand for the files in @directory (module_depend.h), or NULL
 *
 * Speaks. A line that modprobe would ignore is a warning.
 */
int module_config_read(const struct sysroot *root, const char *directory,
		       const struct module_index *computed, struct module_config *ret_config);

/** module_config_add() - one more setting, the last one; key and rest are copied. 0 or -ENOMEM */
int module_config_add(struct module_config *config, const struct module_setting *setting);
void module_config_free(struct module_config *config);

/**
 * module_setting_forbids() - whether an "install" line only keeps modules from being loaded:
 * "install NAME /bin/false", or true
 */
bool module_setting_forbids(const struct module_setting *setting);

/** module_name_normal() - dashes into underscores, in place, but not within brackets */
void module_name_normal(char *name);
