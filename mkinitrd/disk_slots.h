/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_slots.h - the two slots of a boot file system, of which one boots
 *
 *   a/ b/                         kernel, initrd, the root's SquashFS, and the entry for GRUB
 *   loader/entries/mkinitrd-?.conf  the entry for systemd-boot
 *   loader/loader.conf            which of the two boots: one letter in it, read by both loaders
 *   grub/grub.cfg                 sources loader.conf; "default" and "timeout" are functions in it
 *
 * A switch writes that letter's sector and nothing else: whatever a power cut leaves of it is the
 * old letter or the new one. Where the sector cannot be read any more, GRUB takes slot a, and b
 * when that fails; systemd-boot takes the first entry it has. Both slots are whole at that time.
 * Source: UAPI Boot Loader Specification (type 1 entries); loader.conf(5)
 */
#pragma once

#include "volume.h"

#define SLOT_TEXT_MOST 65536
#define BOOT_PARTITION_NAME "mkinitrd boot"

/* what goes into a slot */
struct slot_payload {
	struct content kernel, initrd;
	struct content squashfs; /* the root, a file beside them; no descriptor: none */
	char root[64];           /* where that file lies for init: "PARTUUID=..." */
	char *title;             /* "PROFILE RELEASE" */
	struct strings cmdline;  /* the kernel's, a parameter each */
};

/* of whatever slot: a host's own files */
struct bundle_payload {
	struct content bundle;    /* no descriptor: none */
	struct content signature; /* no descriptor: none */
	char *path;               /* where init looks for it */
};

#define SLOT_PAYLOAD_NONE \
	((struct slot_payload){ .kernel.fd = -1, .initrd.fd = -1, .squashfs.fd = -1 })
#define BUNDLE_PAYLOAD_NONE ((struct bundle_payload){ .bundle.fd = -1, .signature.fd = -1 })

void slot_payload_free(struct slot_payload *payload);

/** slot_payload_bytes() - what it takes on disk, in clusters of @cluster bytes */
uint64_t slot_payload_bytes(const struct slot_payload *payload, uint64_t cluster);

/** slots_make() - what both slots share, on an empty file system, and slot a with @payload; speaks
 * @efi_loader: systemd-boot's program
 * @label:	of the disk, for messages */
int slots_make(const struct volume *volume, const struct content *efi_loader,
	       const struct slot_payload *payload, const char *label);

/** slots_add_bundle() - a host's bundle beside the slots, which updates leave as it is; nothing
 * when there is none; speaks */
int slots_add_bundle(const struct volume *volume, const struct bundle_payload *payload,
		     const char *label);

/** slots_current() - 'a' or 'b', by loader.conf. Return: 0, -ENOENT or -EUCLEAN (not one of ours),
 * or another negative errno; quiet */
int slots_current(const struct volume *volume, char *ret_letter);

/** slots_update() - fill the slot that does not boot with @payload, and then switch to it; speaks.
 * The one that boots stays as it is, whatever happens. @ret_letter: the slot that boots now */
int slots_update(const struct volume *volume, const struct slot_payload *payload, const char *label,
		 char *ret_letter);
