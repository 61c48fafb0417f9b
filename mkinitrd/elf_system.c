/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_system.c - in which folders a glibc loader looks by itself (see elf_object.h)
 *
 * In:    the loader's file, untrusted
 * Out:   the folders that were built into it
 * Not:   ld.so.conf and its cache (library_path.c)
 * Facts: glibc's elf/dl-load.c keeps them in one array, system_dirs: "/lib/TRIPLET/", NUL,
 *        "/usr/lib/TRIPLET/", NUL, ... Which ones they are was decided when glibc was built: Debian
 *        has those of multiarch and no lib64, Fedora has lib64 and no lib.
 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_object.h"

#define LOADER_MOST ((size_t)16 << 20) /* bytes; with debug symbols it has 2 MB */

int elf_system_all(const struct elf_object *object, struct strings *ret_folders)
{
	const struct elf_machine *machine = elf_machine_find(object->machine, object->bits);
	int r = 0;

	if (machine) {
		r = strings_add_format(ret_folders, "/lib/%s", machine->triplet);
		if (r == 0)
			r = strings_add_format(ret_folders, "/usr/lib/%s", machine->triplet);
	}
	if (r == 0 && object->bits == ELFCLASS64) {
		r = strings_add(ret_folders, "/lib64");
		if (r == 0)
			r = strings_add(ret_folders, "/usr/lib64");
	}
	if (r == 0)
		r = strings_add(ret_folders, "/lib");
	return r < 0 ? r : strings_add(ret_folders, "/usr/lib");
}

/* "/FOLDER/", NUL at the start of @bytes: its length with the NUL, or 0 */
static size_t folder_length(const char *bytes, size_t count, const char *folder)
{
	size_t length = strlen(folder);

	return count >= length + 2 && memcmp(bytes, folder, length) == 0 && bytes[length] == '/' &&
			       bytes[length + 1] == '\0'
		       ? length + 2
		       : 0;
}

/* the folders that stand one after the other at the start of @bytes; how many bytes they take */
static size_t run_length(const char *bytes, size_t count, const struct strings *known,
			 struct strings *folders, int *ret_error)
{
	size_t total = 0, length;

	do {
		length = 0;
		for (size_t i = 0; length == 0 && i < known->count; i++) {
			length = folder_length(bytes + total, count - total, known->items[i]);
			if (length && folders && strings_add(folders, known->items[i]) < 0)
				*ret_error = -ENOMEM;
		}
		total += length;
	} while (length);
	return total;
}

/* The longest run is the array: "/lib/" alone is also how "/usr/lib/" ends. */
static int folders_find(const char *bytes, size_t count, const struct strings *known,
			struct strings *ret_folders)
{
	const char *best = NULL, *at = bytes;
	size_t best_length = 0;
	int r = 0;

	while ((at = memchr(at, '/', count - (size_t)(at - bytes))) != NULL) {
		size_t length = run_length(at, count - (size_t)(at - bytes), known, NULL, NULL);

		if (length > best_length) {
			best = at;
			best_length = length;
		}
		at += length ? length : 1;
	}
	if (best)
		(void)run_length(best, best_length, known, ret_folders, &r);
	return r;
}

static int read_whole(int fd, char *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t count = pread(fd, bytes + done, size - done, (off_t)done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count < 0 ? -errno : -ESTALE;
		done += (size_t)count;
	}
	return 0;
}

int elf_system_read(int fd, struct elf_object *object)
{
	CLEANUP(strings_free) struct strings known = STRINGS_EMPTY;
	CLEANUP(memory_free) char *bytes = NULL;
	struct stat status;
	int r;

	/* ld-linux-x86-64.so.2, ld-linux.so.2, ld64.so.2, ld.so.1 */
	if (!object->soname || !text_after(object->soname, "ld") || !strstr(object->soname, ".so"))
		return 0;
	if (fstat(fd, &status) < 0)
		return -errno;
	if (status.st_size <= 0 || (uint64_t)status.st_size > LOADER_MOST)
		return 0;
	bytes = malloc((size_t)status.st_size);
	r = bytes ? read_whole(fd, bytes, (size_t)status.st_size) : -ENOMEM;
	if (r == 0)
		r = elf_system_all(object, &known);
	return r < 0 ? r
		     : folders_find(bytes, (size_t)status.st_size, &known, &object->system_folders);
}
