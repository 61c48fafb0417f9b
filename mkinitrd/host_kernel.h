/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_kernel.h - the kernels that a host has installed
 */
#pragma once

#include "sysroot.h"

struct host_kernel {
	char *release; /* "6.1.0-56-amd64" */
	char *base;    /* of its package, from .../modules/RELEASE/pkgbase; NULL: none (not Arch) */
	char *directory; /* "/usr/lib/modules/RELEASE" or "/lib/modules/RELEASE" */
	char *image;     /* "/usr/lib/modules/RELEASE/vmlinuz" or "/boot/vmlinuz-RELEASE" */
};

struct host_kernels {
	struct host_kernel *items; /* in order of versions */
	size_t count;
};

void host_kernels_free(struct host_kernels *kernels);

/** host_kernels_list() - those with modules and the kernel itself: a folder of modules that a
 * package has left behind is none; speaks */
int host_kernels_list(const struct sysroot *root, struct host_kernels *ret_kernels);

/** host_kernels_add() - one that the caller says is there, when it is not in the list; speaks.
 * Return: 0, -ENOENT: it has no folder of modules, or another -errno */
int host_kernels_add(const struct sysroot *root, const char *release, struct host_kernels *kernels);

/** host_kernel_find() - by release, or NULL */
const struct host_kernel *host_kernel_find(const struct host_kernels *kernels, const char *release);
