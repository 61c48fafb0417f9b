/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fat_private.h - what the files of fat.h share
 */
#pragma once

#include "fat.h"

#define FAT_ENTRY 32
#define FAT_DIRECTORY_MOST (UINT32_C(1) << 21) /* bytes: the specification's 65536 entries */
#define FAT_NAME_MOST 255
#define FAT_END UINT32_C(0x0ffffff8) /* and above: the chain's end */
#define FAT_BAD UINT32_C(0x0ffffff7)

/* in the first sector of one */
static const uint8_t fat_type[8] = { 'F', 'A', 'T', '3', '2', ' ', ' ', ' ' };

struct fat {
	int fd;
	uint64_t base; /* bytes */
	uint32_t cluster_bytes;
	uint32_t reserved, table_sectors; /* sectors; the two tables follow the reserved ones */
	uint32_t clusters;                /* numbers from 2 to below this */
	uint32_t root;                    /* cluster */
	uint32_t next;                    /* where the last search for a free cluster ended */
	uint16_t date, time;              /* of what is written */
	uint8_t *table;                   /* as it is to be */
	uint8_t *copies[2];               /* as they are on disk */
	uint8_t boot[FAT_SECTOR];         /* of fat_make(), until fat_seal() */
};

/* a directory in memory */
struct fat_directory {
	uint8_t *bytes;
	uint32_t size;   /* bytes, whole clusters */
	uint32_t *chain; /* its clusters */
};

/* what a name stands for */
struct fat_entry {
	char name[FAT_NAME_MOST + 1]; /* "?" for what is not ASCII */
	char short_name[13];
	uint32_t slot, slots; /* the first of its 32-byte slots in the directory, and how many */
	uint32_t cluster, size;
	bool is_directory, is_label;
};

static inline uint32_t fat_get(const uint8_t *bytes, unsigned count)
{
	uint32_t number = 0;

	while (count--)
		number = number << 8 | bytes[count];
	return number;
}

static inline void fat_put(uint8_t *bytes, unsigned count, uint32_t number)
{
	for (unsigned i = 0; i < count; i++, number >>= 8)
		bytes[i] = (uint8_t)number;
}

static inline uint32_t fat_next(const struct fat *fat, uint32_t cluster)
{
	return fat_get(fat->table + 4 * (size_t)cluster, 4) & UINT32_C(0x0fffffff);
}

/* the upper four bits are not ours */
static inline void fat_set_next(struct fat *fat, uint32_t cluster, uint32_t next)
{
	uint8_t *at = fat->table + 4 * (size_t)cluster;

	fat_put(at, 4, (fat_get(at, 4) & UINT32_C(0xf0000000)) | next);
}

static inline bool fat_is_cluster(const struct fat *fat, uint32_t cluster)
{
	return cluster >= 2 && cluster < fat->clusters;
}

/* bytes from the beginning of the device */
static inline uint64_t fat_offset(const struct fat *fat, uint32_t cluster)
{
	return fat->base +
	       ((uint64_t)fat->reserved + 2 * (uint64_t)fat->table_sectors) * FAT_SECTOR +
	       (uint64_t)(cluster - 2) * fat->cluster_bytes;
}

int fat_read_at(const struct fat *fat, uint64_t offset, void *bytes, size_t count);
int fat_write_at(const struct fat *fat, uint64_t offset, const void *bytes, size_t count);

/** fat_chain() - the clusters from @first on; at most @most of them, else -EUCLEAN. 0 is none */
int fat_chain(const struct fat *fat, uint32_t first, uint32_t most, uint32_t **ret_chain,
	      uint32_t *ret_count);

int fat_directory_load(const struct fat *fat, uint32_t cluster, struct fat_directory *directory);
void fat_directory_free(struct fat_directory *directory);

/** fat_directory_next() - the next entry from slot *@slot on, which moves. Return: 1, 0 at the end
 */
int fat_directory_next(const struct fat_directory *directory, uint32_t *slot,
		       struct fat_entry *ret_entry);

/** fat_lookup() - @path from the root; *ret_parent is the cluster of its directory, also when only
 * the last component is missing (-ENOENT, and *ret_name is that one, in @path) */
int fat_lookup(const struct fat *fat, const char *path, struct fat_entry *ret_entry,
	       uint32_t *ret_parent, const char **ret_name);

/** fat_short_name() - whether @name is a short one as it stands, but for the case of its two parts;
 * @slot gets it, and the bits for the case */
bool fat_short_name(const char *name, uint8_t slot[FAT_ENTRY]);

/** fat_invent_name() - a short one for a long one, that nobody in @directory has yet. Return: 0 or
 * -EEXIST */
int fat_invent_name(const struct fat_directory *directory, const char *name,
		    uint8_t slot[FAT_ENTRY]);

/** fat_long_name() - the @count slots of a long name, the last part first, before the short one,
 * which is in slots[count] */
void fat_long_name(const char *name, uint8_t (*slots)[FAT_ENTRY], unsigned count);

/** fat_short_sum() - of a short name, as its long name's slots carry it */
uint8_t fat_short_sum(const uint8_t short_name[11]);

/** fat_set_time() - seconds since 1970, for what is written from now on; 1980 is the first year */
void fat_set_time(struct fat *fat, int64_t mtime);

/** fat_flush() - write what changed in the table, sector by sector, the second copy first */
int fat_flush(struct fat *fat);
