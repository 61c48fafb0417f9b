/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foreign.c - files that are given for an image by mistake, or stand in one (see foreign.h)
 *
 * Facts: kernel Documentation/arch/x86/boot.rst ("HdrS"), Documentation/arch/arm64/booting.rst
 *        ("ARM\x64" at 56), arch/arm/boot/compressed/head.S (0x016f2818 at 36); U-Boot's image.h;
 *        cpio(5) of libarchive; squashfs: fs/squashfs/squashfs_fs.h, struct squashfs_super_block
 */
#include <string.h>

#include "foreign.h"
#include "../init/lib/cleanup.h"

#define SQUASHFS_SUPERBLOCK 96
#define SQUASHFS_BYTES_USED 40

// clang-format off
static const struct {
	size_t offset;
	const char *magic;
	size_t length;
	const char *name;
} rows[] = {
	{ 0x202, "HdrS",             4, "a Linux kernel, not an initramfs" },
	{ 56,    "ARM\x64",          4, "a Linux kernel, not an initramfs" },
	{ 36,    "\x18\x28\x6f\x01", 4, "a Linux kernel, not an initramfs" },
	{ 0,     "MZ",               2, "an EFI program (a kernel, or one with its initramfs inside)" },
	{ 0,     "\177ELF",          4, "an ELF file, perhaps an unpacked kernel" },
	{ 0,     "070707",           6, "a cpio archive of the old portable form; the kernel takes 'cpio -H newc' alone" },
	{ 0,     "\xc7\x71",         2, "a cpio archive of the old binary form; the kernel takes 'cpio -H newc' alone" },
	{ 0,     "\x71\xc7",         2, "a cpio archive of the old binary form; the kernel takes 'cpio -H newc' alone" },
	{ 0,     "\x27\x05\x19\x56", 4, "an image for U-Boot; its first 64 bytes hide the initramfs: 'dd bs=64 skip=1'" },
	{ 257,   "ustar",            5, "a tar archive" },
	{ 0,     "hsqs",             4, "a SquashFS" },
	{ 0,     "QFI\xfb",          4, "a disk image of QEMU" },
	{ 0,     "PK\x03\x04",       4, "a zip archive" },
};
// clang-format on

const char *foreign_name(const unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (count >= rows[i].offset + rows[i].length &&
		    memcmp(bytes + rows[i].offset, rows[i].magic, rows[i].length) == 0)
			return rows[i].name;
	return NULL;
}

uint64_t squashfs_size(const unsigned char *bytes, size_t count)
{
	uint64_t size = 0;

	if (count < SQUASHFS_SUPERBLOCK || memcmp(bytes, "hsqs", 4) != 0)
		return 0;
	for (size_t i = 8; i-- > 0;)
		size = size << 8 | bytes[SQUASHFS_BYTES_USED + i];
	return size < SQUASHFS_SUPERBLOCK ? SQUASHFS_SUPERBLOCK : size;
}
