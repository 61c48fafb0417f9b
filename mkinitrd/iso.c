/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iso.c - a disc that boots by itself (see iso.h)
 *
 * In:    a kernel and its image, boot loaders of this host
 * Out:   ISO 9660, bootable in four ways
 * Not:   the boot file system (disk_boot.c), GRUB's image (disk_grub.c)
 * Facts: xorrisofs(1): SOURCE_DATE_EPOCH and the options for dates decide on every time;
 *        --set_all_file_dates takes no 0. Of a boot image of 32 MiB or more El Torito cannot say
 *        the size, and UEFI takes it to reach to the end of the disc. GRUB's manual, "search",
 *        "loopback"; of a core's commands each is a line, without "if"
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "disk_boot.h"
#include "disk_grub.h"
#include "disk_layout.h"
#include "fail.h"
#include "iso.h"
#include "process.h"
#include "progress.h"
#include "../init/lib/file.h"

#define CLUSTER 4096
#define LOADERS (2 * MIB) /* systemd-boot, configuration */
#define FILES 16
#define OVERHEAD (2 * MIB) /* GRUB, directories, xorriso's padding */
#define EARLIEST 315532800 /* 1980, the first year of FAT */
#define VOLUME_ID_MOST 32

/* what the disc is made of: files of the spool */
struct iso_parts {
	char *boot, *bios; /* their names in it */
	char *hybrid;      /* path of the first sector */
	char id[GPT_GUID_TEXT];
};

static void iso_parts_free(struct iso_parts *parts)
{
	free(parts->boot);
	free(parts->bios);
	free(parts->hybrid);
}

static uint64_t boot_bytes(const struct disk_payload *payload)
{
	uint64_t least =
		fat_least_bytes(slot_payload_bytes(&payload->slot, CLUSTER) + LOADERS, FILES);

	return (least + MIB - 1) / MIB * MIB;
}

uint64_t iso_bytes(const struct disk_payload *payload)
{
	return boot_bytes(payload) + OVERHEAD;
}

static int make_boot(const struct iso_job *job, struct iso_parts *parts)
{
	CLEANUP(fd_close) int fd = spool_file(job->spool, &parts->boot);
	CLEANUP(fat_cleanup) struct fat *fat = NULL;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	struct boot_place place = { .fd = fd,
				    .bytes = boot_bytes(job->payload),
				    .label = job->label };
	struct content loader;
	int r;

	if (fd < 0 || ftruncate(fd, (off_t)place.bytes) < 0)
		return fail(fd < 0 ? fd : -errno, "cannot make '%s'", job->label);
	r = boot_loader_read(&text, &loader);
	if (r == 0)
		r = boot_volume_make(&place, job->payload, &loader, &fat);
	if (r < 0)
		return r;
	r = fat_seal(fat);
	return r < 0 ? fail(r, "cannot make the boot file system of '%s'", job->label) : 0;
}

static int make_bios(const struct iso_job *job, struct iso_parts *parts)
{
	CLEANUP(fd_close) int fd = spool_file(job->spool, &parts->bios);
	CLEANUP(text_free) struct text commands = TEXT_EMPTY;
	CLEANUP(text_free) struct text core = TEXT_EMPTY;
	int r = fd < 0 ? fail(fd, "cannot make '%s'", job->label) : 0;

	text_format(&commands,
		    "search --no-floppy --file --set=disc /boot/%s.img\n"
		    "loopback boot ($disc)/boot/%s.img\n"
		    "set root=boot\n"
		    "set prefix=(boot)/grub\n",
		    parts->id, parts->id);
	if (r == 0)
		r = grub_make_disc(text_string(&commands), &core, &parts->hybrid);
	if (r < 0)
		return r;
	r = file_write_fd(fd, core.data, core.length);
	return r < 0 ? fail(r, "cannot make '%s'", job->label) : 0;
}

/* what the disc is called where it is put in: d-characters of ISO 9660 */
static void volume_id(const char *profile, char ret_id[VOLUME_ID_MOST + 1])
{
	size_t length = strnlen(profile, VOLUME_ID_MOST);

	for (size_t i = 0; i < length; i++)
		ret_id[i] = (char)(isalnum((unsigned char)profile[i])
					   ? toupper((unsigned char)profile[i])
					   : '_');
	ret_id[length] = '\0';
}

/* xorrisofs(1) */
static int collect_words(const struct iso_job *job, const struct iso_parts *parts, const char *date,
			 struct strings *argv)
{
	char volume[VOLUME_ID_MOST + 1];
	char guid[GPT_GUID_TEXT];
	uint8_t id[16];
	// clang-format off
	const char *const words[] = {
		"xorriso", "-no_rc", "-as", "mkisofs", "-quiet",
		"-o", job->path, "-V", volume, "-r",
		"--set_all_file_dates", date, "--gpt_disk_guid", guid,
		"-graft-points",
		/* BIOS, from a disc */
		"-b", "boot/bios.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table",
		/* and from a disk */
		"--grub2-boot-info", "--grub2-mbr", parts->hybrid, "--protective-msdos-label",
	};
	// clang-format on
	int r = 0;

	volume_id(job->payload->profile, volume);
	disk_payload_id(job->payload, "disc", id);
	gpt_guid_format(id, guid);
	for (size_t i = 0; r == 0 && i < COUNT_OF(words); i++)
		r = strings_add(argv, words[i]);
	if (r == 0)
		r = strings_add_format(argv, "--modification-date=%s", date);
	/* UEFI, from both */
	if (r == 0)
		r = strings_add(argv, "-eltorito-alt-boot");
	if (r == 0)
		r = strings_add(argv, "-e");
	if (r == 0)
		r = strings_add_format(argv, "boot/%s.img", parts->id);
	if (r == 0)
		r = strings_add(argv, "-no-emul-boot");
	if (r == 0)
		r = strings_add(argv, "-efi-boot-part");
	if (r == 0)
		r = strings_add(argv, "--efi-boot-image");
	if (r == 0)
		r = strings_add_format(argv, "boot/%s.img=%s/%s", parts->id, job->spool->path,
				       parts->boot);
	if (r == 0)
		r = strings_add_format(argv, "boot/bios.img=%s/%s", job->spool->path, parts->bios);
	return r;
}

static int run_xorriso(const struct iso_job *job, const struct iso_parts *parts)
{
	CLEANUP(strings_free) struct strings argv = STRINGS_EMPTY;
	CLEANUP(text_free) struct text output = TEXT_EMPTY;
	CLEANUP(text_free) struct text ended = TEXT_EMPTY;
	time_t seconds = (time_t)job->payload->mtime;
	char epoch[32], date[32];
	const char *const environment[] = { "SOURCE_DATE_EPOCH", epoch, "TZ", "UTC", NULL };
	struct tm tm;
	int status = 0, r;

	if (seconds < EARLIEST)
		seconds = EARLIEST;
	(void)snprintf(epoch, sizeof(epoch), "%lld", (long long)seconds);
	if (!gmtime_r(&seconds, &tm) || strftime(date, sizeof(date), "%Y%m%d%H%M%S00", &tm) == 0)
		return fail(-EOVERFLOW, "cannot make '%s'", job->label);
	r = collect_words(job, parts, date, &argv);
	if (r < 0)
		return fail(r, "cannot make '%s'", job->label);
	r = process_run(argv.items, environment, -1, &output, &status);
	if (r == -ENOENT)
		return fail(r, "cannot make an ISO without 'xorriso'; install the package xorriso");
	if (r < 0)
		return fail(r, "cannot run 'xorriso'");
	if (status == 0)
		return 0;
	process_show(&output);
	process_describe(status, &ended);
	return fail(0, "cannot make '%s': xorriso %s (its output is above)", job->label,
		    text_string(&ended));
}

/* what firmware looks at first: that it is there, in the file that we opened */
static int look_at(const struct iso_job *job)
{
	uint8_t first[512], volume[8];

	if (pread(job->fd, first, sizeof(first), 0) == (ssize_t)sizeof(first) &&
	    pread(job->fd, volume, sizeof(volume), 0x8000) == (ssize_t)sizeof(volume) &&
	    first[510] == 0x55 && first[511] == 0xaa && memcmp(volume, "\1CD001", 6) == 0)
		return 0;
	return fail(0, "cannot make '%s': xorriso has written no ISO that boots", job->label);
}

int iso_make(const struct iso_job *job)
{
	CLEANUP(iso_parts_free) struct iso_parts parts = { 0 };
	uint8_t id[16];
	int r;

	disk_payload_id(job->payload, "disc's boot file system", id);
	gpt_guid_format(id, parts.id);
	r = make_bios(job, &parts);
	progress_phase("writing the boot file system");
	if (r == 0)
		r = make_boot(job, &parts);
	progress_phase("writing the disc");
	if (r == 0)
		r = run_xorriso(job, &parts);
	return r < 0 ? r : look_at(job);
}
