/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_config.h - how the kernel that an image is for was configured
 */
#pragma once

#include "sysroot.h"

struct kernel;
struct kernel_config;

#define KERNEL_CONFIG_MOST ((size_t)4 << 20) /* bytes of a config; Debian's has 260,000 */

/**
 * kernel_config_open() - the configuration of @kernel, from where the root has it
 *
 * /boot/config-RELEASE, config and build/.config beside the modules, then the copy inside the
 * kernel image (CONFIG_IKCONFIG), in this order. What cannot be read or is damaged is said with -v
 * and passed over. Else quiet.
 *
 * Return: 0, -ENOENT when the root has none, or another negative errno
 */
int kernel_config_open(const struct sysroot *root, const struct kernel *kernel,
		       struct kernel_config **ret_config);
void kernel_config_close(struct kernel_config *config);
static inline void kernel_config_cleanup(struct kernel_config **config)
{
	kernel_config_close(*config);
	*config = NULL;
}

/**
 * kernel_config_get() - an option, with "CONFIG_" before its name or without
 *
 * Return: 'y' (also for a number or a text), 'm' or 'n' (also when it is not mentioned)
 */
char kernel_config_get(const struct kernel_config *config, const char *name);

/** kernel_config_has_modules() - whether anything is built as a module */
bool kernel_config_has_modules(const struct kernel_config *config);

/** kernel_config_path() - the file in the root that it was read from */
const char *kernel_config_path(const struct kernel_config *config);

/**
 * kernel_image_config() - the text of the configuration inside the kernel image @fd; quiet
 *
 * Return: 0, -ENOENT when it has none, -ENOTSUP when it is packed in a way that is not read here,
 * -EBADMSG when it is damaged, -EFBIG when it unpacks to more than any kernel, or another -errno
 */
int kernel_image_config(int fd, struct text *text);
