/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_boot.c - the boot file system of a disk or a disc (see disk_boot.h)
 *
 * In:    a place, what it is to boot
 * Out:   a FAT that both boot loaders read
 * Not:   what is in a slot (disk_slots.c), where the file system lies (disk_layout.c, iso.c)
 * Facts: UEFI 2.10 section 3.5.1.1: firmware starts \EFI\BOOT\BOOTX64.EFI
 */
#include <fcntl.h>
#include <string.h>

#include "disk_boot.h"
#include "fail.h"
#include "../init/lib/file.h"

#define EFI_LOADER "/usr/lib/systemd/boot/efi/systemd-bootx64.efi"

int boot_loader_read(struct text *text, struct content *content)
{
	int r = file_read(AT_FDCWD, EFI_LOADER, 16 << 20, text);

	if (r < 0)
		return fail(r, "cannot read '" EFI_LOADER "'; install systemd-boot, on Debian the "
			       "package systemd-boot-efi");
	*content = (struct content){ .fd = -1, .bytes = text->data, .size = text->length };
	return 0;
}

int boot_volume_make(const struct boot_place *place, const struct disk_payload *payload,
		     const struct content *loader, struct fat **ret_fat)
{
	struct volume volume = VOLUME_NONE;
	struct fat_form form = {
		.bytes = place->bytes,
		.label = "MKINITRD",
		.mtime = payload->mtime,
		.hidden = (uint32_t)(place->offset / FAT_SECTOR),
	};
	uint8_t id[16];
	int r;

	disk_payload_id(payload, "boot file system", id);
	memcpy(&form.volume_id, id, sizeof(form.volume_id));
	r = fat_make(place->fd, place->offset, &form, ret_fat);
	if (r < 0)
		return fail(r, "cannot make the boot partition of '%s'", place->label);
	volume.fat = *ret_fat;
	r = slots_make(&volume, loader, &payload->slot, place->label);
	return r < 0 ? r : slots_add_bundle(&volume, &payload->host, place->label);
}
