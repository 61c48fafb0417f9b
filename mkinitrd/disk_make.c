/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_make.c - write a whole disk
 *
 * In:    a layout, what it is to boot
 * Out:   a disk that BIOS and UEFI boot from
 * Not:   where the parts lie (disk_layout.c), what is in a slot (disk_slots.c)
 * Facts: UEFI 2.10 section 5.2.3: a protective MBR has one partition of type 0xEE from sector 1 on;
 *        0xffffffff is its size when the disk's is not to be said, which stays true when the disk
 *        grows. INT 18h: the BIOS goes on to the next device
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "disk_boot.h"
#include "disk_docker.h"
#include "disk_grub.h"
#include "disk_make.h"
#include "fail.h"
#include "file_zero.h"
#include "progress.h"
#include "../init/lib/file.h"

#define PARTITION_ENTRY 446

static void make_ids(struct disk_job *job)
{
	struct gpt *gpt = &job->layout.gpt;

	disk_payload_id(job->payload, "disk", gpt->guid);
	disk_payload_id(job->payload, "bios", gpt->partitions[DISK_BIOS].guid);
	disk_payload_id(job->payload, "boot", gpt->partitions[DISK_BOOT].guid);
	if (!job->keeps_docker)
		disk_payload_id(job->payload, "docker", gpt->partitions[DISK_DOCKER].guid);
}

static int write_at(int fd, uint64_t offset, const void *bytes, size_t count)
{
	for (size_t done = 0; done < count;) {
		ssize_t r = pwrite(fd, (const uint8_t *)bytes + done, count - done,
				   (off_t)(offset + done));

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0)
			done += (size_t)r;
	}
	return 0;
}

/* the first sector: @code, and a partition that keeps others away; on disk on return */
static int write_first_sector(int fd, const uint8_t *code)
{
	static const uint8_t partition[16] = { 0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff,
					       0x01, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff };
	uint8_t sector[DISK_SECTOR] = { 0 };
	int r;

	memcpy(sector, code, GRUB_BOOT_CODE);
	memcpy(sector + PARTITION_ENTRY, partition, sizeof(partition));
	sector[510] = 0x55;
	sector[511] = 0xaa;
	r = write_at(fd, 0, sector, sizeof(sector));
	if (r == 0 && fdatasync(fd) < 0)
		r = -errno;
	return r;
}

/* no boot code: INT 18h, and should that come back, halt for ever */
static int write_unfinished(const struct disk_job *job)
{
	static const uint8_t code[] = { 0xcd, 0x18, 0xf4, 0xeb, 0xfd };
	uint8_t sector[GRUB_BOOT_CODE] = { 0 };

	memcpy(sector, code, sizeof(code));
	(void)snprintf((char *)sector + DISK_UNFINISHED_AT, sizeof(sector) - DISK_UNFINISHED_AT,
		       "%s", DISK_UNFINISHED);
	return write_first_sector(job->fd, sector);
}

/* what stood there before is found by nobody; then the table */
static int write_table(struct disk_job *job)
{
	struct gpt *gpt = &job->layout.gpt;
	uint64_t boot = disk_partition_offset(&gpt->partitions[DISK_BOOT]);
	uint64_t end = job->layout.sectors * DISK_SECTOR;
	int r = write_unfinished(job);

	if (r == 0 && job->is_device && !job->keeps_docker) {
		r = file_zero(job->fd, DISK_SECTOR, boot - DISK_SECTOR);
		if (r == 0)
			r = file_zero(job->fd, end - MIB, MIB);
	}
	if (r == 0)
		r = file_zero(job->fd, boot, MIB);
	return r < 0 ? r : gpt_write(job->fd, gpt);
}

/* what is to be written, all of it made before anything is */
struct parts {
	struct grub grub;
	struct text efi_text;
	struct content efi_loader;
	struct docker_form docker;
	int docker_fd; /* -1: the one that is there stays */
};

static void parts_free(struct parts *parts)
{
	text_free(&parts->grub.core);
	text_free(&parts->efi_text);
	fd_close(&parts->docker_fd);
}

static int make_docker(const struct disk_job *job, struct parts *parts)
{
	const struct gpt_partition *partition = &job->layout.gpt.partitions[DISK_DOCKER];

	parts->docker.offset = disk_partition_offset(partition);
	parts->docker.bytes = disk_partition_bytes(partition);
	parts->docker.mtime = job->payload->mtime;
	parts->docker.is_device = job->is_device;
	disk_payload_id(job->payload, "docker file system", parts->docker.id);
	parts->docker_fd = disk_docker_make(&parts->docker);
	return parts->docker_fd < 0 ? parts->docker_fd : 0;
}

static int write_parts(struct disk_job *job, const struct parts *parts)
{
	const struct gpt_partition *partition = &job->layout.gpt.partitions[DISK_BOOT];
	const struct boot_place place = {
		.fd = job->fd,
		.offset = disk_partition_offset(partition),
		.bytes = disk_partition_bytes(partition),
		.label = job->label,
	};
	CLEANUP(fat_cleanup) struct fat *fat = NULL;
	int r = write_table(job);

	if (r == 0)
		r = write_at(job->fd, DISK_BIOS_FIRST * DISK_SECTOR, parts->grub.core.data,
			     parts->grub.core.length);
	if (r == 0 && parts->docker_fd >= 0)
		r = disk_docker_write(job->fd, parts->docker_fd, &parts->docker);
	if (r < 0)
		return fail(r, "cannot write '%s'", job->label);
	r = boot_volume_make(&place, job->payload, &parts->efi_loader, &fat);
	if (r < 0)
		return r;
	if (fdatasync(job->fd) < 0)
		r = -errno;
	if (r == 0)
		r = fat_seal(fat);
	if (r == 0)
		r = write_first_sector(job->fd, parts->grub.boot);
	return r < 0 ? fail(r, "cannot write '%s'", job->label) : 0;
}

int disk_make(struct disk_job *job)
{
	CLEANUP(parts_free) struct parts parts = { .docker_fd = -1 };
	int r;

	make_ids(job);
	disk_payload_place(job->payload, job->layout.gpt.partitions[DISK_BOOT].guid);
	r = boot_loader_read(&parts.efi_text, &parts.efi_loader);
	if (r == 0)
		r = grub_make(DISK_BIOS_FIRST, DISK_BOOT + 1, &parts.grub);
	if (r == 0 && !job->keeps_docker)
		r = make_docker(job, &parts);
	progress_phase("writing the disk");
	return r < 0 ? r : write_parts(job, &parts);
}
