/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook.h - what package managers call: mkinitrd hook SYSTEM VERB
 *
 * The shims below hooks/ hold no logic. A hook runs without a terminal, with a PATH, a locale and a
 * umask of our own (cmd_hook.c), whatever its caller has. A row each in cmd_hook.c; the functions
 * of one system are in a file of its own.
 */
#pragma once

#include "update.h"

struct hook_call {
	const char *root;                /* of the host: "/" or --root */
	const struct strings *arguments; /* what follows SYSTEM VERB */
};

/* each speaks, and returns an enum exit_status: what that means to its caller stands beside it */

/* stdin: paths that will disappear, a line each. Notes them; deletes nothing */
int hook_pacman_remove(const struct hook_call *call);
/* stdin: paths that have come, changed or gone. Makes images, then removes those of kernels that
 * are gone. The status shows in pacman's log alone */
int hook_pacman_install(const struct hook_call *call);

/* stdout, a line for each image that is to be listed: its words in GRUB's language, with tabs
 * between: title, id, kernel, image, parameters */
int hook_grub_list(const struct hook_call *call);

/* KVER [KERNEL]; DEB_MAINT_PARAMS, INITRD. The status is 0 whatever happens: another would leave
 * the kernel's package half-configured, for an image that stands beside the system's own */
int hook_debian_kernel_postinst(const struct hook_call *call);
int hook_debian_kernel_postrm(const struct hook_call *call);
/* our own package is configured, or what images pack may have changed: all of them are looked at,
 * and GRUB's menu is made anew when one came or went. 0 whatever happens */
int hook_debian_update(const struct hook_call *call);
/* our own package goes. Images stay, because a machine may boot from one of them; what a purge is
 * to remove is written down, for then there is nobody left who could read a record */
int hook_debian_remove(const struct hook_call *call);

/* KVER ENTRY-DIR KERNEL [INITRD...]; KERNEL_INSTALL_*. A status other than 0 ends the installation
 * of the kernel, without an entry */
int hook_kernel_install_add(const struct hook_call *call);
int hook_kernel_install_remove(const struct hook_call *call);
