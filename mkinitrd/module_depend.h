/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_depend.h - what depmod would write, for a root in which it never ran
 */
#pragma once

#include "module_index.h"
#include "resolve.h"

/* what no depmod writes: lines "MODULE FIRMWARE", so that no file is read a second time for them */
#define FIRMWARE_INDEX "modules.firmware"

/**
 * module_depend() - modules.dep, .alias, .symbols, .softdep, .devname (and .weakdep, when there is
 * one), FIRMWARE_INDEX, modules.builtin.bin, modules.builtin.alias.bin, from the module files
 * themselves; speaks
 * @jobs: threads that read them; 0 is 1
 *
 * The root is only read. A file that is no module is a warning, as it is to depmod.
 */
int module_depend(const struct sysroot *root, const struct kernel *kernel, unsigned jobs,
		  struct module_index *ret_index);

/** module_builtin() - the .bin files of modules.builtin and modules.builtin.modinfo; quiet */
int module_builtin(const struct sysroot *root, const struct kernel *kernel,
		   struct module_index *index);
