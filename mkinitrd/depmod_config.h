/* SPDX-License-Identifier: Apache-2.0 */
/*
 * depmod_config.h - depmod.d of a root: which of two module files with one name counts
 */
#pragma once

#include "sysroot.h"

/* zero-initialised is empty */
struct depmod_config {
	struct strings searches;  /* folders, the best first */
	struct strings overrides; /* paths without extension */
	struct strings excludes;  /* names of folders */
	struct strings externals; /* absolute folders, outside of the kernel's */
};

/** depmod_config_read() - what the root says for the kernel @release; notes what is not followed */
int depmod_config_read(const struct sysroot *root, const char *release,
		       struct depmod_config *config);

/** depmod_config_rank() - of a module's path below the kernel's directory: the lower the better */
size_t depmod_config_rank(const struct depmod_config *config, const char *path);
void depmod_config_free(struct depmod_config *config);
