/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fat.c - FAT32: opening one, its directories, reading files
 *
 * In:    a descriptor and where the volume begins
 * Out:   struct fat; entries by their paths
 * Not:   making one (fat_make.c), changing it (fat_write.c)
 * Facts: the specification (fat.h): section 3 for the boot sector, 4 for the table, 6 for
 *        directories, 7 for long names. The bits 3 and 4 of byte 12 (name, extension in small
 *        letters) are Windows NT's: kernel fs/fat/fat.h, CASE_LOWER_BASE and CASE_LOWER_EXT
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fat_private.h"

#define TABLE_MOST ((uint64_t)64 << 20) /* bytes: 16 million clusters */
#define DEPTH_MOST 16

int fat_read_at(const struct fat *fat, uint64_t offset, void *bytes, size_t count)
{
	size_t done = 0;

	while (done < count) {
		ssize_t r = pread(fat->fd, (uint8_t *)bytes + done, count - done,
				  (off_t)(offset + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : -EUCLEAN;
		done += (size_t)r;
	}
	return 0;
}

void fat_close(struct fat *fat)
{
	if (!fat)
		return;
	free(fat->table);
	free(fat->copies[0]);
	free(fat->copies[1]);
	free(fat);
}

uint32_t fat_cluster_bytes(const struct fat *fat)
{
	return fat->cluster_bytes;
}

uint64_t fat_free_bytes(const struct fat *fat)
{
	uint64_t count = 0;

	for (uint32_t cluster = 2; cluster < fat->clusters; cluster++)
		count += fat_next(fat, cluster) == 0;
	return count * fat->cluster_bytes;
}

int fat_chain(const struct fat *fat, uint32_t first, uint32_t most, uint32_t **ret_chain,
	      uint32_t *ret_count)
{
	CLEANUP(memory_free) uint32_t *chain = NULL;
	uint32_t count = 0, room = 0;

	for (uint32_t at = first; first != 0 && at < FAT_END; at = fat_next(fat, at)) {
		if (!fat_is_cluster(fat, at) || count >= most)
			return -EUCLEAN;
		if (count == room) {
			uint32_t *larger;

			room = room ? 2 * room : 64;
			larger = reallocarray(chain, room, sizeof(*chain));
			if (!larger)
				return -ENOMEM;
			chain = larger;
		}
		chain[count++] = at;
	}
	*ret_chain = chain;
	chain = NULL;
	*ret_count = count;
	return 0;
}

/* ---- directories ---- */

void fat_directory_free(struct fat_directory *directory)
{
	free(directory->bytes);
	free(directory->chain);
	*directory = (struct fat_directory){ 0 };
}

int fat_directory_load(const struct fat *fat, uint32_t cluster, struct fat_directory *directory)
{
	uint32_t count = 0;
	int r = fat_chain(fat, cluster, FAT_DIRECTORY_MOST / fat->cluster_bytes + 1,
			  &directory->chain, &count);

	if (r < 0)
		return r;
	if (count == 0)
		return -EUCLEAN;
	directory->size = count * fat->cluster_bytes;
	directory->bytes = malloc(directory->size);
	if (!directory->bytes)
		return -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < count; i++)
		r = fat_read_at(fat, fat_offset(fat, directory->chain[i]),
				directory->bytes + (size_t)i * fat->cluster_bytes,
				fat->cluster_bytes);
	return r;
}

/* "NAME    EXT" with the bits for small letters, as people read it */
static void decode_short(const uint8_t *slot, char *ret_name)
{
	size_t length = 0;

	for (int i = 0; i < 11; i++) {
		bool is_small = slot[12] & (i < 8 ? 0x08 : 0x10);

		if (slot[i] == ' ')
			continue;
		if (i >= 8 && !memchr(ret_name, '.', length))
			ret_name[length++] = '.';
		ret_name[length++] = (char)(slot[i] >= 0x7f ? '?'
					    : is_small      ? tolower(slot[i])
							    : slot[i]);
	}
	ret_name[length] = '\0';
}

/* one slot of a long name: 13 UTF-16 units of it */
static void decode_long(const uint8_t *slot, char *ret_name)
{
	static const uint8_t places[] = { 1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30 };
	size_t at = 13 * (size_t)((slot[0] & 0x1f) - 1);

	for (size_t i = 0; i < COUNT_OF(places) && at + i < FAT_NAME_MOST; i++) {
		uint32_t unit = fat_get(slot + places[i], 2);

		ret_name[at + i] = (char)(unit < 0x7f ? unit : '?');
		if (unit == 0)
			return;
	}
}

int fat_directory_next(const struct fat_directory *directory, uint32_t *slot,
		       struct fat_entry *ret_entry)
{
	struct fat_entry entry = { 0 };
	uint8_t sum = 0, expected = 0; /* of the long name's slots: the number that is to follow */
	uint32_t first = *slot;

	for (; (*slot + 1) * FAT_ENTRY <= directory->size; ++*slot) {
		const uint8_t *bytes = directory->bytes + (size_t)*slot * FAT_ENTRY;
		uint8_t number = bytes[0] & 0x1f;

		if (bytes[0] == 0)
			return 0;
		if (bytes[0] != 0xe5 && (bytes[11] & 0x3f) == 0x0f) {
			if ((bytes[0] & 0x40) && number >= 1 && number <= 20) {
				memset(entry.name, 0, sizeof(entry.name));
				first = *slot;
			} else if (expected == 0 || number != expected || bytes[13] != sum) {
				expected = 0;
				continue;
			}
			sum = bytes[13];
			decode_long(bytes, entry.name);
			expected = (uint8_t)(number - 1);
			if (expected == 0)
				expected = 0xff; /* complete: the short name follows */
			continue;
		}
		if (bytes[0] == 0xe5) {
			expected = 0;
			continue;
		}
		if (expected != 0xff || fat_short_sum(bytes) != sum) {
			memset(entry.name, 0, sizeof(entry.name));
			first = *slot;
		}
		decode_short(bytes, entry.short_name);
		if (!entry.name[0])
			memcpy(entry.name, entry.short_name, sizeof(entry.short_name));
		entry.slot = first;
		entry.slots = *slot - first + 1;
		entry.cluster = fat_get(bytes + 20, 2) << 16 | fat_get(bytes + 26, 2);
		entry.size = fat_get(bytes + 28, 4);
		entry.is_directory = bytes[11] & 0x10;
		entry.is_label = bytes[11] & 0x08;
		*ret_entry = entry;
		++*slot;
		return 1;
	}
	return 0;
}

static int find_in(const struct fat *fat, uint32_t cluster, const char *name, size_t length,
		   struct fat_entry *ret_entry)
{
	CLEANUP(fat_directory_free) struct fat_directory directory = { 0 };
	uint32_t slot = 0;
	int r = fat_directory_load(fat, cluster, &directory);

	while (r == 0 && fat_directory_next(&directory, &slot, ret_entry) > 0)
		if (!ret_entry->is_label &&
		    ((strlen(ret_entry->name) == length &&
		      strncasecmp(ret_entry->name, name, length) == 0) ||
		     (strlen(ret_entry->short_name) == length &&
		      strncasecmp(ret_entry->short_name, name, length) == 0)))
			return 0;
	return r < 0 ? r : -ENOENT;
}

int fat_lookup(const struct fat *fat, const char *path, struct fat_entry *ret_entry,
	       uint32_t *ret_parent, const char **ret_name)
{
	struct fat_entry entry = { .cluster = fat->root, .is_directory = true };

	for (;;) {
		size_t length = strcspn(path, "/");
		uint32_t parent = entry.cluster ? entry.cluster : fat->root; /* "..": 0 */
		int r;

		if (!entry.is_directory)
			return -ENOTDIR;
		r = find_in(fat, parent, path, length, &entry);
		if (path[length] == '\0') {
			*ret_parent = parent;
			if (ret_name)
				*ret_name = path;
		}
		if (r < 0)
			return r == -ENOENT && path[length] ? -ENOTDIR : r;
		if (path[length] == '\0')
			break;
		path += length + 1;
	}
	*ret_entry = entry;
	return 0;
}

int fat_stat(struct fat *fat, const char *path, bool *ret_is_directory, uint64_t *ret_size)
{
	struct fat_entry entry;
	uint32_t parent;
	int r = fat_lookup(fat, path, &entry, &parent, NULL);

	if (r < 0)
		return r;
	*ret_is_directory = entry.is_directory;
	*ret_size = entry.size;
	return 0;
}

int fat_read(struct fat *fat, const char *path, size_t limit, struct text *text)
{
	CLEANUP(memory_free) uint32_t *chain = NULL;
	CLEANUP(memory_free) uint8_t *bytes = NULL;
	struct fat_entry entry;
	uint32_t parent, count, left;
	int r = fat_lookup(fat, path, &entry, &parent, NULL);

	if (r < 0)
		return r;
	if (entry.is_directory)
		return -EISDIR;
	if (entry.size > limit)
		return -EFBIG;
	r = fat_chain(fat, entry.cluster, fat->clusters, &chain, &count);
	if (r < 0)
		return r;
	if ((uint64_t)count * fat->cluster_bytes < entry.size)
		return -EUCLEAN;
	bytes = malloc(fat->cluster_bytes);
	if (!bytes)
		return -ENOMEM;
	left = entry.size;
	for (uint32_t i = 0; r == 0 && left > 0; i++) {
		uint32_t piece = left < fat->cluster_bytes ? left : fat->cluster_bytes;

		r = fat_read_at(fat, fat_offset(fat, chain[i]), bytes, piece);
		if (r == 0)
			text_add_bytes(text, bytes, piece);
		left -= piece;
	}
	return r < 0 ? r : text->failed ? -ENOMEM : 0;
}

/* ---- opening ---- */

static int decode_boot(const uint8_t *boot, uint64_t bytes, struct fat *fat)
{
	uint32_t per_cluster = boot[13], sectors = fat_get(boot + 32, 4);
	uint64_t data;

	if (boot[510] != 0x55 || boot[511] != 0xaa ||
	    memcmp(boot + 82, fat_type, sizeof(fat_type)) != 0 ||
	    fat_get(boot + 11, 2) != FAT_SECTOR || fat_get(boot + 22, 2) != 0)
		return -ENODATA;
	fat->reserved = fat_get(boot + 14, 2);
	fat->table_sectors = fat_get(boot + 36, 4);
	fat->root = fat_get(boot + 44, 4);
	fat->cluster_bytes = per_cluster * FAT_SECTOR;
	data = fat->reserved + 2 * (uint64_t)fat->table_sectors;
	if (boot[16] != 2 || per_cluster == 0 || (per_cluster & (per_cluster - 1)) != 0 ||
	    fat->reserved < 2 || fat->table_sectors == 0 || data >= sectors ||
	    sectors > bytes / FAT_SECTOR || (uint64_t)fat->table_sectors * FAT_SECTOR > TABLE_MOST)
		return -EUCLEAN;
	fat->clusters = (uint32_t)((sectors - data) / per_cluster) + 2;
	if (fat->clusters > fat->table_sectors * (FAT_SECTOR / 4))
		fat->clusters = fat->table_sectors * (FAT_SECTOR / 4);
	return fat_is_cluster(fat, fat->root) ? 0 : -EUCLEAN;
}

static int load_tables(struct fat *fat)
{
	size_t bytes = (size_t)fat->table_sectors * FAT_SECTOR;
	int r = 0;

	fat->table = malloc(bytes);
	for (unsigned i = 0; i < COUNT_OF(fat->copies); i++) {
		fat->copies[i] = malloc(bytes);
		if (!fat->table || !fat->copies[i])
			return -ENOMEM;
		r = fat_read_at(
			fat, fat->base + fat->reserved * (uint64_t)FAT_SECTOR + i * (uint64_t)bytes,
			fat->copies[i], bytes);
		if (r < 0)
			return r;
	}
	memcpy(fat->table, fat->copies[0], bytes);
	return 0;
}

/* mark what belongs to the tree below a directory; a cluster that is reached twice is damage */
static int mark(const struct fat *fat, uint32_t cluster, uint8_t *reached, unsigned depth)
{
	CLEANUP(fat_directory_free) struct fat_directory directory = { 0 };
	struct fat_entry entry;
	uint32_t slot = 0;
	int r = depth > DEPTH_MOST ? -EUCLEAN : fat_directory_load(fat, cluster, &directory);

	for (uint32_t i = 0; r == 0 && i < directory.size / fat->cluster_bytes; i++)
		r = reached[directory.chain[i]]++ ? -EUCLEAN : 0;
	while (r == 0 && fat_directory_next(&directory, &slot, &entry) > 0) {
		CLEANUP(memory_free) uint32_t *chain = NULL;
		uint32_t count = 0;

		if (entry.is_label || text_equal(entry.name, ".") || text_equal(entry.name, ".."))
			continue;
		if (entry.is_directory) {
			r = mark(fat, entry.cluster, reached, depth + 1);
			continue;
		}
		r = fat_chain(fat, entry.cluster, fat->clusters, &chain, &count);
		for (uint32_t i = 0; r == 0 && i < count; i++)
			r = reached[chain[i]]++ ? -EUCLEAN : 0;
	}
	return r;
}

/* what belongs to nobody, since somebody was interrupted, is free */
static int reclaim(struct fat *fat)
{
	CLEANUP(memory_free) uint8_t *reached = calloc(fat->clusters, 1);
	int r = reached ? mark(fat, fat->root, reached, 0) : -ENOMEM;

	for (uint32_t cluster = 2; r == 0 && cluster < fat->clusters; cluster++)
		if (!reached[cluster] && fat_next(fat, cluster) != FAT_BAD)
			fat_set_next(fat, cluster, 0);
	return r;
}

int fat_open(int fd, uint64_t base, uint64_t bytes, int64_t mtime, struct fat **ret_fat)
{
	CLEANUP(fat_cleanup) struct fat *fat = calloc(1, sizeof(*fat));
	uint8_t boot[FAT_SECTOR];
	int r;

	if (!fat)
		return -ENOMEM;
	fat->fd = fd;
	fat->base = base;
	fat->next = 2;
	fat_set_time(fat, mtime);
	r = fat_read_at(fat, base, boot, sizeof(boot));
	if (r == 0)
		r = decode_boot(boot, bytes, fat);
	if (r == 0)
		r = load_tables(fat);
	if (r == 0)
		r = reclaim(fat);
	if (r == 0) {
		*ret_fat = fat;
		fat = NULL;
	}
	return r;
}
