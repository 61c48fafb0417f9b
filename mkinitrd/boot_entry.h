/* SPDX-License-Identifier: Apache-2.0 */
/*
 * boot_entry.h - what boot loaders read of an image that a host keeps
 *
 * systemd-boot: a file in loader/entries of the boot file system that the image lies on, where
 * there is that folder. GRUB: what /etc/grub.d/41_mkinitrd prints, by 'mkinitrd hook grub list'.
 */
#pragma once

#include "output.h"
#include "update.h"

/** boot_kernel() - the kernel that @record's image boots with, beside it or in /boot, as seen on
 * the host: vmlinuz-PKGBASE, else vmlinuz-KVER; NULL in *ret_path: there is none. Quiet */
int boot_kernel(const struct host *host, const struct record *record, char **ret_path);

/** boot_entry_write() - that of @record, whose image is in place; sets record->entry; speaks.
 * Nothing, and 0, where no systemd-boot is in use */
int boot_entry_write(const struct host *host, struct record *record);

/** boot_entry_remove() - speaks */
int boot_entry_remove(const struct host *host, const struct record *record);

/** boot_grub_update() - run grub-mkconfig for a definition that asks for it; speaks */
int boot_grub_update(const struct host *host, const struct definition *definition);

/* the kernel beside its image, where nobody else puts it there (see mkinitrd-images(5)) */
struct kernel_beside {
	struct output output; /* written and not yet in place; no temporary file: it is there */
	char *path;           /* as seen on the host; NULL: none is wanted */
};

#define KERNEL_BESIDE_EMPTY ((struct kernel_beside){ .output = OUTPUT_EMPTY })

/** kernel_copy_prepare() - all that can fail for want of space, before the image that it is for
 * takes the place of the one before; speaks
 * @image: as seen on the host; @copy: KERNEL_BESIDE_EMPTY */
int kernel_copy_prepare(const struct host *host, const struct definition *definition,
			const struct host_kernel *kernel, const char *image,
			struct kernel_beside *copy);

/** kernel_copy_publish() - put it in place; sets record->copy; speaks */
int kernel_copy_publish(struct kernel_beside *copy, struct record *record);

/** kernel_copy_close() - for CLEANUP */
void kernel_copy_close(struct kernel_beside *copy);
