/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_grub.c - GRUB for BIOS machines: what grub-install does, without a device
 *
 * In:    boot.img of the host's GRUB; a core image by its grub-mkimage
 * Out:   both, with the sectors in them that say where the next part lies
 * Facts: GRUB 2.06, include/grub/offsets.h and i386/pc/boot.h: in boot.img, 8 bytes at 0x5c are the
 *        core's first sector, and the jump at 0x66 skips a test that disks want (two nops, as
 *        util/setup.c writes them). The core's first sector (diskboot.img) ends in a list of blocks
 *        of 12 bytes: sector (8), count (2), segment (2); grub-mkimage fills in count and segment.
 *        A core without Reed-Solomon redundancy has 0 there and is taken as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "disk_grub.h"
#include "fail.h"
#include "program.h"
#include "../init/lib/file.h"

#define SECTOR 512
#define KERNEL_SECTOR 0x5c
#define DRIVE_CHECK 0x66
#define BLOCK_LIST (SECTOR - 12)
#define CORE_SEGMENT 0x820
#define CORE_MOST ((size_t)960 << 10) /* less than the partition it goes to */
#define PACKAGE "grub-pc-bin (with grub-common)"

/* for a disc: its file system, and the file in it that is one itself */
static const char *const disc_modules[] = { "iso9660", "loopback", "search", NULL };
static const char *const disk_modules[] = { NULL };
static const char *const modules[] = {
	"biosdisk", "part_gpt", "fat",    "normal",   "linux",  "configfile", "test",
	"echo",     "sleep",    "serial", "terminal", "reboot", "halt",       "ls",
};
static const char *const folders[] = { "/usr/lib/grub/i386-pc", "/usr/share/grub2/i386-pc",
				       "/usr/lib/grub2/i386-pc" };

static void put(uint8_t *bytes, unsigned count, uint64_t number)
{
	for (unsigned i = 0; i < count; i++, number >>= 8)
		bytes[i] = (uint8_t)number;
}

static int find_folder(const char **ret_folder)
{
	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		text_format(&path, "%s/boot.img", folders[i]);
		if (access(text_string(&path), R_OK) == 0) {
			*ret_folder = folders[i];
			return 0;
		}
	}
	return fail(-ENOENT,
		    "cannot find GRUB's '%s/boot.img'; install GRUB for BIOS, on Debian "
		    "the package " PACKAGE,
		    folders[0]);
}

static int read_boot(const char *folder, uint64_t sector, uint8_t *boot)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	int r;

	text_format(&path, "%s/boot.img", folder);
	r = file_read(AT_FDCWD, text_string(&path), SECTOR, &content);
	if (r == 0 && content.length != SECTOR)
		r = -EINVAL;
	if (r < 0)
		return fail(r, "cannot use '%s' as GRUB's first sector", text_string(&path));
	memcpy(boot, content.data, SECTOR);
	put(boot + KERNEL_SECTOR, 8, sector);
	memset(boot + DRIVE_CHECK, 0x90, 2);
	return 0;
}

/* @words, then the modules of every core and @more of them; up to a NULL each */
static int collect_words(const char *const *words, const char *const *more, struct strings *argv)
{
	int r = strings_add(argv, "grub-mkimage");

	for (; r == 0 && *words; words++)
		r = strings_add(argv, *words);
	for (size_t i = 0; r == 0 && i < COUNT_OF(modules); i++)
		r = strings_add(argv, modules[i]);
	for (; r == 0 && *more; more++)
		r = strings_add(argv, *more);
	return r;
}

static int make_core(const char *const *words, const char *const *more, struct text *core)
{
	CLEANUP(strings_free) struct strings argv = STRINGS_EMPTY;
	CLEANUP(fd_close) int fd = memfd_create("core.img", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : collect_words(words, more, &argv);

	if (r < 0)
		return fail(r, "cannot make GRUB's core image");
	r = program_run(argv.items, PACKAGE, NULL, fd);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return fail(-errno, "cannot make GRUB's core image");
	r = file_read_fd(fd, CORE_MOST, core);
	if (r < 0)
		return fail(r, "cannot use GRUB's core image");
	if (core->length <= SECTOR)
		return fail(0, "grub-mkimage made no core image; is GRUB's folder '%s' whole?",
			    words[3]);
	return 0;
}

int grub_make(uint64_t sector, unsigned partition, struct grub *grub)
{
	const char *folder = NULL;
	char prefix[32];
	uint8_t *list;
	int r = find_folder(&folder);

	(void)snprintf(prefix, sizeof(prefix), "(,gpt%u)/grub", partition);
	if (r == 0)
		r = read_boot(folder, sector, grub->boot);
	if (r == 0)
		r = make_core(
			(const char *const[]){ "-O", "i386-pc", "-d", folder, "-p", prefix, NULL },
			disk_modules, &grub->core);
	if (r < 0)
		return r;
	list = (uint8_t *)grub->core.data + BLOCK_LIST;
	put(list, 8, sector + 1);
	put(list + 8, 2, (grub->core.length - 1) / SECTOR);
	put(list + 10, 2, CORE_SEGMENT);
	return 0;
}

int grub_make_disc(const char *commands, struct text *core, char **ret_hybrid)
{
	CLEANUP(fd_close) int fd = memfd_create("grub.cfg", MFD_CLOEXEC);
	CLEANUP(text_free) struct text hybrid = TEXT_EMPTY;
	const char *folder = NULL;
	char config[64];
	int r = find_folder(&folder);

	if (r < 0)
		return r;
	if (fd < 0 || file_write_fd(fd, commands, strlen(commands)) < 0)
		return fail(-errno, "cannot make GRUB's core image");
	(void)snprintf(config, sizeof(config), "/proc/%d/fd/%d", (int)getpid(), fd);
	r = make_core((const char *const[]){ "-O", "i386-pc-eltorito", "-d", folder, "-p", "/grub",
					     "-c", config, NULL },
		      disc_modules, core);
	text_format(&hybrid, "%s/boot_hybrid.img", folder);
	if (r == 0 && access(text_string(&hybrid), R_OK) < 0)
		r = fail(-errno, "cannot read GRUB's '%s'; install " PACKAGE, text_string(&hybrid));
	return r < 0 ? r : text_take(&hybrid, ret_hybrid);
}
