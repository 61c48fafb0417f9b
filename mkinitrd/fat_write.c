/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fat_write.c - FAT32: new files and directories, files that go
 *
 * In:    a path, content
 * Out:   single sectors written, in an order that leaves all else whole at any time: content, then
 *        the table, then the name; the other way round for a file that goes
 * Not:   names (fat_names.c)
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fat_private.h"

#define PIECE ((size_t)1 << 20)
#define SLOTS_MOST 21

int fat_write_at(const struct fat *fat, uint64_t offset, const void *bytes, size_t count)
{
	size_t done = 0;

	while (done < count) {
		ssize_t r = pwrite(fat->fd, (const uint8_t *)bytes + done, count - done,
				   (off_t)(offset + done));

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0)
			done += (size_t)r;
	}
	return 0;
}

static int flush_data(const struct fat *fat)
{
	return fdatasync(fat->fd) < 0 ? -errno : 0;
}

/* the sectors of @new that differ from @old, which becomes the same */
static int write_changed(const struct fat *fat, uint64_t offset, uint8_t *old, const uint8_t *new,
			 size_t count, bool from_end)
{
	size_t sectors = count / FAT_SECTOR;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sectors; i++) {
		size_t at = (from_end ? sectors - 1 - i : i) * FAT_SECTOR;

		if (memcmp(old + at, new + at, FAT_SECTOR) == 0)
			continue;
		r = fat_write_at(fat, offset + at, new + at, FAT_SECTOR);
		memcpy(old + at, new + at, FAT_SECTOR);
	}
	return r;
}

int fat_flush(struct fat *fat)
{
	size_t bytes = (size_t)fat->table_sectors * FAT_SECTOR;
	int r = 0;

	for (unsigned i = COUNT_OF(fat->copies); r == 0 && i-- > 0;)
		r = write_changed(
			fat, fat->base + fat->reserved * (uint64_t)FAT_SECTOR + i * (uint64_t)bytes,
			fat->copies[i], fat->table, bytes, false);
	return r < 0 ? r : flush_data(fat);
}

/* a chain of @count free clusters, in memory; nothing changes when there are not so many */
static int allocate(struct fat *fat, uint32_t count, uint32_t *ret_first)
{
	uint32_t at = fat->next, last = 0, first = 0, found = 0;

	if (count == 0) {
		*ret_first = 0;
		return 0;
	}
	if (fat_free_bytes(fat) / fat->cluster_bytes < count)
		return -ENOSPC;
	while (found < count) {
		if (!fat_is_cluster(fat, at))
			at = 2;
		if (fat_next(fat, at) == 0) {
			fat_set_next(fat, at, UINT32_C(0x0fffffff));
			if (last)
				fat_set_next(fat, last, at);
			else
				first = at;
			last = at;
			found++;
		}
		at++;
	}
	fat->next = at;
	*ret_first = first;
	return 0;
}

static void release(struct fat *fat, uint32_t first)
{
	for (uint32_t at = first; fat_is_cluster(fat, at);) {
		uint32_t next = fat_next(fat, at);

		fat_set_next(fat, at, 0);
		at = next;
	}
}

/* ---- entries ---- */

/* @count slots in a row that are free; SIZE when the directory has to grow */
static uint32_t find_room(const struct fat_directory *directory, unsigned count)
{
	uint32_t slots = directory->size / FAT_ENTRY, run = 0;
	bool is_end = false;

	for (uint32_t slot = 0; slot < slots; slot++) {
		uint8_t first = directory->bytes[(size_t)slot * FAT_ENTRY];

		is_end |= first == 0;
		run = is_end || first == 0xe5 ? run + 1 : 0;
		if (run == count)
			return slot + 1 - count;
	}
	return slots;
}

/* one cluster more: on disk as zeros before the chain leads there */
static int enlarge_directory(struct fat *fat, struct fat_directory *directory)
{
	uint32_t count = directory->size / fat->cluster_bytes, cluster;
	uint8_t *bytes = realloc(directory->bytes, directory->size + fat->cluster_bytes);
	uint32_t *chain;
	int r;

	if (!bytes)
		return -ENOMEM;
	directory->bytes = bytes;
	chain = reallocarray(directory->chain, count + 1, sizeof(*chain));
	if (!chain)
		return -ENOMEM;
	directory->chain = chain;
	if (directory->size + fat->cluster_bytes > FAT_DIRECTORY_MOST)
		return -ENOSPC;
	r = allocate(fat, 1, &cluster);
	if (r < 0)
		return r;
	memset(bytes + directory->size, 0, fat->cluster_bytes);
	r = fat_write_at(fat, fat_offset(fat, cluster), bytes + directory->size,
			 fat->cluster_bytes);
	if (r == 0)
		r = flush_data(fat);
	fat_set_next(fat, chain[count - 1], cluster);
	chain[count] = cluster;
	directory->size += fat->cluster_bytes;
	return r < 0 ? r : fat_flush(fat);
}

/* put @slots over those from @first on */
static int write_slots(struct fat *fat, struct fat_directory *directory, uint32_t first,
		       const uint8_t *slots, unsigned count, bool from_end)
{
	CLEANUP(memory_free) uint8_t *wanted = malloc(directory->size);
	uint32_t clusters = directory->size / fat->cluster_bytes;
	int r = 0;

	if (!wanted)
		return -ENOMEM;
	memcpy(wanted, directory->bytes, directory->size);
	memcpy(wanted + (size_t)first * FAT_ENTRY, slots, (size_t)count * FAT_ENTRY);
	for (uint32_t i = 0; r == 0 && i < clusters; i++) {
		uint32_t cluster = from_end ? clusters - 1 - i : i;
		size_t at = (size_t)cluster * fat->cluster_bytes;

		r = write_changed(fat, fat_offset(fat, directory->chain[cluster]),
				  directory->bytes + at, wanted + at, fat->cluster_bytes, from_end);
	}
	return r < 0 ? r : flush_data(fat);
}

static void encode_entry(const struct fat *fat, uint8_t attributes, uint32_t cluster, uint32_t size,
			 uint8_t *slot)
{
	slot[11] = attributes;
	fat_put(slot + 14, 2, fat->time);
	fat_put(slot + 16, 2, fat->date);
	fat_put(slot + 18, 2, fat->date);
	fat_put(slot + 20, 2, cluster >> 16);
	fat_put(slot + 22, 2, fat->time);
	fat_put(slot + 24, 2, fat->date);
	fat_put(slot + 26, 2, cluster & 0xffff);
	fat_put(slot + 28, 4, size);
}

static int add_entry(struct fat *fat, uint32_t parent, const char *name, uint8_t attributes,
		     uint32_t cluster, uint32_t size)
{
	CLEANUP(fat_directory_free) struct fat_directory directory = { 0 };
	uint8_t slots[SLOTS_MOST][FAT_ENTRY] = { 0 }, last[FAT_ENTRY] = { 0 };
	unsigned count = 0;
	uint32_t first;
	int r = fat_directory_load(fat, parent, &directory);

	if (r < 0)
		return r;
	if (!fat_short_name(name, last)) {
		count = (unsigned)((strlen(name) + 12) / 13);
		r = fat_invent_name(&directory, name, last);
	}
	if (r < 0)
		return r;
	encode_entry(fat, attributes, cluster, size, last);
	memcpy(slots[count], last, FAT_ENTRY);
	fat_long_name(name, slots, count);
	while ((first = find_room(&directory, count + 1)) == directory.size / FAT_ENTRY) {
		r = enlarge_directory(fat, &directory);
		if (r < 0)
			return r;
	}
	/* the short name's slot comes last: with it the file is there */
	return write_slots(fat, &directory, first, slots[0], count + 1, false);
}

/* where a new name is to go. Return: 0, -EEXIST or another negative errno */
static int find_place(const struct fat *fat, const char *path, uint32_t *ret_parent,
		      const char **ret_name)
{
	struct fat_entry entry;
	int r = fat_lookup(fat, path, &entry, ret_parent, ret_name);

	if (r == 0)
		return -EEXIST;
	if (r != -ENOENT)
		return r;
	return strlen(*ret_name) > 13 * (SLOTS_MOST - 1) ? -ENAMETOOLONG : 0;
}

int fat_make_directory(struct fat *fat, const char *path)
{
	CLEANUP(memory_free) uint8_t *bytes = NULL;
	uint32_t parent, cluster = 0;
	struct fat_entry entry;
	const char *name;
	int r = fat_lookup(fat, path, &entry, &parent, &name);

	if (r == 0)
		return entry.is_directory ? 0 : -ENOTDIR;
	if (r == -ENOENT)
		r = find_place(fat, path, &parent, &name);
	if (r == 0)
		r = allocate(fat, 1, &cluster);
	if (r < 0)
		return r;
	bytes = calloc(1, fat->cluster_bytes);
	if (!bytes)
		return -ENOMEM;
	for (int i = 0; i < 2; i++) {
		uint8_t *slot = bytes + (size_t)i * FAT_ENTRY;

		memset(slot, ' ', 11);
		memset(slot, '.', (size_t)i + 1);
		/* ".." of a directory in the root says 0 */
		encode_entry(fat, 0x10,
			     i == 0                ? cluster
			     : parent == fat->root ? 0
						   : parent,
			     0, slot);
	}
	r = fat_write_at(fat, fat_offset(fat, cluster), bytes, fat->cluster_bytes);
	if (r == 0)
		r = fat_flush(fat);
	return r < 0 ? r : add_entry(fat, parent, name, 0x10, cluster, 0);
}

/* ---- files ---- */

/* as many bytes of the content as a run of neighbouring clusters takes */
static int copy_run(const struct fat *fat, uint64_t offset, int content_fd, const uint8_t *bytes,
		    uint64_t from, uint64_t count, uint8_t *piece)
{
	int r = 0;

	for (uint64_t done = 0; r == 0 && done < count;) {
		size_t want = count - done < PIECE ? (size_t)(count - done) : PIECE;
		ssize_t got = (ssize_t)want;

		if (content_fd < 0)
			memcpy(piece, bytes + from + done, want);
		else
			got = pread(content_fd, piece, want, (off_t)(from + done));
		if (got <= 0)
			return got < 0 ? -errno : -ESTALE;
		r = fat_write_at(fat, offset + done, piece, (size_t)got);
		done += (uint64_t)got;
	}
	return r;
}

static int copy_content(const struct fat *fat, uint32_t first, int content_fd, const void *bytes,
			uint64_t size)
{
	CLEANUP(memory_free) uint8_t *piece = malloc(PIECE);
	uint64_t done = 0;
	int r = piece ? 0 : -ENOMEM;

	for (uint32_t at = first; r == 0 && done < size;) {
		uint64_t offset = fat_offset(fat, at), run = 0;

		do {
			run += fat->cluster_bytes;
			at = fat_next(fat, at);
		} while (fat_offset(fat, at) == offset + run && done + run < size);
		if (run > size - done)
			run = size - done;
		r = copy_run(fat, offset, content_fd, bytes, done, run, piece);
		done += run;
	}
	return r;
}

int fat_write(struct fat *fat, const char *path, int content_fd, const void *bytes, uint64_t size)
{
	uint64_t clusters = (size + fat->cluster_bytes - 1) / fat->cluster_bytes;
	uint32_t parent, first = 0;
	const char *name;
	int r = size > FAT_FILE_MOST ? -EFBIG : find_place(fat, path, &parent, &name);

	if (r == 0)
		r = clusters > fat->clusters ? -ENOSPC : allocate(fat, (uint32_t)clusters, &first);
	if (r < 0)
		return r;
	r = copy_content(fat, first, content_fd, bytes, size);
	if (r < 0) {
		release(fat, first);
		return r;
	}
	r = flush_data(fat);
	if (r == 0)
		r = fat_flush(fat);
	return r < 0 ? r : add_entry(fat, parent, name, 0x20, first, (uint32_t)size);
}

int fat_remove(struct fat *fat, const char *path)
{
	CLEANUP(fat_directory_free) struct fat_directory directory = { 0 };
	CLEANUP(memory_free) uint8_t *slots = NULL;
	struct fat_entry entry;
	uint32_t parent;
	int r = fat_lookup(fat, path, &entry, &parent, NULL);

	if (r < 0)
		return r;
	if (entry.is_directory)
		return -EISDIR;
	r = fat_directory_load(fat, parent, &directory);
	if (r < 0)
		return r;
	slots = malloc((size_t)entry.slots * FAT_ENTRY);
	if (!slots)
		return -ENOMEM;
	memcpy(slots, directory.bytes + (size_t)entry.slot * FAT_ENTRY,
	       (size_t)entry.slots * FAT_ENTRY);
	for (uint32_t i = 0; i < entry.slots; i++)
		slots[(size_t)i * FAT_ENTRY] = 0xe5;
	r = write_slots(fat, &directory, entry.slot, slots, entry.slots, true);
	if (r < 0)
		return r;
	release(fat, entry.cluster);
	return fat_flush(fat);
}

int fat_patch(struct fat *fat, const char *path, uint64_t offset, const void *bytes, size_t count)
{
	CLEANUP(memory_free) uint32_t *chain = NULL;
	uint8_t sector[FAT_SECTOR];
	struct fat_entry entry;
	uint32_t parent, clusters;
	uint64_t at;
	int r = fat_lookup(fat, path, &entry, &parent, NULL);

	if (r < 0)
		return r;
	if (entry.is_directory || offset + count > entry.size ||
	    offset % FAT_SECTOR + count > FAT_SECTOR)
		return -EINVAL;
	r = fat_chain(fat, entry.cluster, fat->clusters, &chain, &clusters);
	if (r == 0 && offset / fat->cluster_bytes >= clusters)
		r = -EUCLEAN;
	if (r < 0)
		return r;
	at = fat_offset(fat, chain[offset / fat->cluster_bytes]) +
	     offset % fat->cluster_bytes / FAT_SECTOR * FAT_SECTOR;
	r = fat_read_at(fat, at, sector, sizeof(sector));
	memcpy(sector + offset % FAT_SECTOR, bytes, count);
	if (r == 0)
		r = fat_write_at(fat, at, sector, sizeof(sector));
	return r < 0 ? r : flush_data(fat);
}
