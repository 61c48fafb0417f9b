/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fat_make.c - an empty FAT32 file system
 *
 * In:    size, label, id
 * Out:   tables, root directory; the first sector last (fat_seal())
 * Facts: the specification (fat.h): section 3.1 and 3.3 for the boot sector, 5 for FSInfo; FAT32 is
 *        what has 65525 clusters or more, and tools doubt one that is close to it
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fat_private.h"
#include "file_zero.h"

#define RESERVED 32 /* sectors, at least */
#define CLUSTERS_LEAST 65536
#define SECTORS_PER_CLUSTER_MOST 8 /* 4096 bytes, a page and a flash page */
#define INFO_SECTOR 1
#define BACKUP_SECTOR 6
#define ROOT 2

struct shape {
	uint32_t sectors, per_cluster, reserved, table_sectors, clusters;
};

/* clusters begin at a multiple of 4096 bytes from the volume's beginning */
static struct shape shape_of(uint64_t sectors, uint32_t per_cluster)
{
	struct shape shape = { .sectors = (uint32_t)sectors, .per_cluster = per_cluster };
	uint64_t most = (sectors - RESERVED) / per_cluster + 2;

	shape.table_sectors = (uint32_t)((most * 4 + FAT_SECTOR - 1) / FAT_SECTOR);
	shape.reserved = RESERVED + (8 - (RESERVED + 2 * shape.table_sectors) % 8) % 8;
	shape.clusters =
		(uint32_t)((sectors - shape.reserved - 2 * shape.table_sectors) / per_cluster);
	return shape;
}

static bool find_shape(uint64_t bytes, struct shape *ret_shape)
{
	uint64_t sectors = bytes / FAT_SECTOR;

	if (sectors > UINT32_MAX || sectors < CLUSTERS_LEAST + 2048)
		return false;
	for (uint32_t per_cluster = SECTORS_PER_CLUSTER_MOST; per_cluster; per_cluster /= 2) {
		*ret_shape = shape_of(sectors, per_cluster);
		if (ret_shape->clusters >= CLUSTERS_LEAST)
			return true;
	}
	return false;
}

uint64_t fat_least_bytes(uint64_t content, unsigned files)
{
	/* files are rounded up to clusters; a table's entry is 4 bytes, twice */
	uint64_t data = content + (uint64_t)files * SECTORS_PER_CLUSTER_MOST * FAT_SECTOR;
	uint64_t bytes = data + data / 32 + (UINT64_C(1) << 20);

	return bytes < (UINT64_C(34) << 20) ? UINT64_C(34) << 20 : bytes;
}

void fat_set_time(struct fat *fat, int64_t mtime)
{
	time_t seconds = (time_t)mtime;
	struct tm tm;

	fat->date = 1 << 5 | 1; /* 1 January 1980 */
	fat->time = 0;
	if (!gmtime_r(&seconds, &tm) || tm.tm_year < 80 || tm.tm_year > 80 + 127)
		return;
	fat->date = (uint16_t)((unsigned)(tm.tm_year - 80) << 9 | (unsigned)(tm.tm_mon + 1) << 5 |
			       (unsigned)tm.tm_mday);
	fat->time = (uint16_t)((unsigned)tm.tm_hour << 11 | (unsigned)tm.tm_min << 5 |
			       (unsigned)tm.tm_sec / 2);
}

static void encode_boot(const struct shape *shape, const struct fat_form *form, uint8_t *boot)
{
	/* jump, and an endless loop for who starts it: firmware that reads FAT does not */
	static const uint8_t start[] = { 0xeb, 0x58, 0x90, 'M', 'S', 'W', 'I', 'N', '4', '.', '1' };

	memcpy(boot, start, sizeof(start));
	fat_put(boot + 11, 2, FAT_SECTOR);
	boot[13] = (uint8_t)shape->per_cluster;
	fat_put(boot + 14, 2, shape->reserved);
	boot[16] = 2;
	boot[21] = 0xf8;
	fat_put(boot + 24, 2, 63);
	fat_put(boot + 26, 2, 255);
	fat_put(boot + 28, 4, form->hidden);
	fat_put(boot + 32, 4, shape->sectors);
	fat_put(boot + 36, 4, shape->table_sectors);
	fat_put(boot + 44, 4, ROOT);
	fat_put(boot + 48, 2, INFO_SECTOR);
	fat_put(boot + 50, 2, BACKUP_SECTOR);
	boot[64] = 0x80;
	boot[66] = 0x29;
	fat_put(boot + 67, 4, form->volume_id);
	memset(boot + 71, ' ', 11);
	memcpy(boot + 71, form->label, strnlen(form->label, 11));
	memcpy(boot + 82, fat_type, sizeof(fat_type));
	boot[90] = 0xeb;
	boot[91] = 0xfe;
	boot[510] = 0x55;
	boot[511] = 0xaa;
}

/* the root directory has one entry, the label */
static int write_root(struct fat *fat)
{
	uint8_t slot[FAT_ENTRY] = { 0 };
	int r = file_zero(fat->fd, fat_offset(fat, ROOT), fat->cluster_bytes);

	memcpy(slot, fat->boot + 71, 11);
	slot[11] = 0x08;
	fat_put(slot + 22, 2, fat->time);
	fat_put(slot + 24, 2, fat->date);
	return r < 0 ? r : fat_write_at(fat, fat_offset(fat, ROOT), slot, sizeof(slot));
}

int fat_make(int fd, uint64_t base, const struct fat_form *form, struct fat **ret_fat)
{
	CLEANUP(fat_cleanup) struct fat *fat = calloc(1, sizeof(*fat));
	struct shape shape;
	size_t bytes;
	int r;

	if (!fat)
		return -ENOMEM;
	if (!find_shape(form->bytes, &shape))
		return -EINVAL;
	*fat = (struct fat){ .fd = fd,
			     .base = base,
			     .cluster_bytes = shape.per_cluster * FAT_SECTOR,
			     .reserved = shape.reserved,
			     .table_sectors = shape.table_sectors,
			     .clusters = shape.clusters + 2,
			     .root = ROOT,
			     .next = ROOT };
	fat_set_time(fat, form->mtime);
	encode_boot(&shape, form, fat->boot);
	bytes = (size_t)fat->table_sectors * FAT_SECTOR;
	fat->table = calloc(1, bytes);
	fat->copies[0] = calloc(1, bytes);
	fat->copies[1] = calloc(1, bytes);
	if (!fat->table || !fat->copies[0] || !fat->copies[1])
		return -ENOMEM;
	fat_set_next(fat, 0, UINT32_C(0x0ffffff8));
	fat_set_next(fat, 1, UINT32_C(0x0fffffff));
	fat_set_next(fat, ROOT, UINT32_C(0x0fffffff));
	r = file_zero(fd, base, fat->reserved * (uint64_t)FAT_SECTOR + 2 * (uint64_t)bytes);
	if (r == 0)
		r = write_root(fat);
	if (r < 0)
		return r;
	*ret_fat = fat;
	fat = NULL;
	return 0;
}

static int write_info(struct fat *fat, uint32_t sector)
{
	uint8_t info[FAT_SECTOR] = { 0 };

	fat_put(info, 4, UINT32_C(0x41615252));
	fat_put(info + 484, 4, UINT32_C(0x61417272));
	fat_put(info + 488, 4, (uint32_t)(fat_free_bytes(fat) / fat->cluster_bytes));
	fat_put(info + 492, 4, fat->next);
	fat_put(info + 508, 4, UINT32_C(0xaa550000));
	return fat_write_at(fat, fat->base + sector * (uint64_t)FAT_SECTOR, info, sizeof(info));
}

int fat_finish(struct fat *fat)
{
	int r = fat_flush(fat);

	if (r == 0)
		r = write_info(fat, INFO_SECTOR);
	if (r == 0 && fdatasync(fat->fd) < 0)
		r = -errno;
	return r;
}

int fat_seal(struct fat *fat)
{
	int r = fat_finish(fat);

	if (r == 0)
		r = write_info(fat, BACKUP_SECTOR + INFO_SECTOR);
	if (r == 0)
		r = fat_write_at(fat, fat->base + BACKUP_SECTOR * (uint64_t)FAT_SECTOR, fat->boot,
				 FAT_SECTOR);
	if (r == 0 && fdatasync(fat->fd) < 0)
		r = -errno;
	if (r == 0)
		r = fat_write_at(fat, fat->base, fat->boot, FAT_SECTOR);
	if (r == 0 && fdatasync(fat->fd) < 0)
		r = -errno;
	return r;
}
