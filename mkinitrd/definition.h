/* SPDX-License-Identifier: Apache-2.0 */
/*
 * definition.h - which images a host keeps: /etc/mkinitrd/images.d/NAME.yaml
 */
#pragma once

#include "host_kernel.h"
#include "value.h"

#define DEFINITIONS_FOLDER "/etc/mkinitrd/images.d"
#define OUTPUT_KERNEL_INSTALL "kernel-install"

enum kernel_copy { COPY_AUTO, COPY_ALWAYS, COPY_NEVER };

struct definition {
	char *name;   /* of the file, without ".yaml" */
	char *path;   /* of the file, as seen on the host */
	char *broken; /* what is wrong with the file: then nothing below is set; NULL: it is good */
	struct value *root; /* checked */
	struct strings profiles, sets, kernels, cmdline;
	const char *output;      /* with %v and %p; NULL: the default */
	const char *title;       /* of boot entries; NULL: the default */
	const char *grub_config; /* made again when an entry comes or goes, or NULL */
	bool is_staged;          /* "output: kernel-install" */
	bool has_entry;          /* a boot entry belongs to it */
	bool keeps_old;          /* the image before, as OUTPUT.old */
	enum kernel_copy copy;   /* whether the kernel is copied beside the image */
};

struct definitions {
	struct definition *items; /* sorted by name */
	size_t count;
};

void definitions_free(struct definitions *definitions);

/** definitions_load() - all of the host below @root, checked, into an empty list; speaks. None is
 * fine; what is wrong with one of them is in it, so that the others go on. */
int definitions_load(const struct sysroot *root, struct definitions *ret_definitions);

/** definition_find() - by name, or NULL */
const struct definition *definition_find(const struct definitions *definitions, const char *name);

/** definition_wants() - whether @kernel is one of "kernels:", by release or package base */
bool definition_wants(const struct definition *definition, const struct host_kernel *kernel);

/**
 * definition_output() - the path of the image for @kernel, as seen on the host; quiet
 *
 * Default: /boot/mkinitrd-PKGBASE.img, or -KVER where kernels have no package base. Return: 0,
 * -ENODATA: %p in "output:" and the kernel has none, -ENOMEM; the caller frees it
 */
int definition_output(const struct definition *definition, const struct host_kernel *kernel,
		      char **ret_path);

/**
 * definitions_check_outputs() - that no file would be written twice, for any two definitions and
 * kernels; speaks. Return: 0 or -EEXIST
 */
int definitions_check_outputs(const struct definitions *definitions,
			      const struct host_kernels *kernels);

/** definitions_staged() - the one that is for kernel-install: "output: kernel-install", else the
 * only one there is; speaks. Return: NULL when there is none, or not one alone */
const struct definition *definitions_staged(const struct definitions *definitions);
