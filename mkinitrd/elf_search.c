/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elf_search.c - ELF files, each read once, and the look for a library in one folder
 *
 * In:    folders and names
 * Out:   objects that fit
 * Not:   which folders, in which order (resolve_elf.c)
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "resolve_elf.h"
#include "watch.h"

#define HWCAPS "glibc-hwcaps"

/* a library folder, listed once */
struct folder {
	char *canonical;      /* NULL: not there */
	struct strings names; /* sorted */
};

struct elf_cache *elf_cache_get(struct resolve *resolve)
{
	if (!resolve->elf)
		resolve->elf = calloc(1, sizeof(*resolve->elf));
	return resolve->elf;
}

void elf_cache_free(struct elf_cache *cache)
{
	if (!cache)
		return;
	path_map_free(&cache->objects);
	path_map_free(&cache->folders);
	path_map_free(&cache->loaded);
	strings_free(&cache->configured);
	free(cache);
}

struct elf_object *elf_find(const struct resolve *resolve, const char *path)
{
	return resolve->elf ? path_map_get(&resolve->elf->objects, path) : NULL;
}

static struct elf_object *find_entry(const struct resolve *resolve, const struct entry *entry)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	if (entry->type != ENTRY_FILE)
		return NULL;
	text_format(&path, "/%s", entry->path);
	return elf_find(resolve, text_string(&path));
}

bool elf_is_known(const struct resolve *resolve, const struct entry *entry)
{
	return find_entry(resolve, entry) != NULL;
}

bool elf_is_program(const struct resolve *resolve, const struct entry *entry)
{
	const struct elf_object *object = find_entry(resolve, entry);

	return object && object->interpreter;
}

static bool has_magic(int fd)
{
	char magic[SELFMAG];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       memcmp(magic, ELFMAG, SELFMAG) == 0;
}

static void object_free(void *object)
{
	elf_object_free(object);
}

/* read @fd, the content of @path in the image, and remember it */
static int object_read(struct resolve *resolve, const char *path, int fd,
		       struct elf_object **ret_object)
{
	CLEANUP(elf_object_cleanup) struct elf_object *object = NULL;
	CLEANUP(text_free) struct text chain = TEXT_EMPTY;
	const struct entry *entry = manifest_find(resolve->manifest, path + 1);
	struct elf_cache *cache = elf_cache_get(resolve);
	const char *why = "";
	int r = elf_object_read(fd, path, &object, &why);

	if (r == -ENOEXEC) {
		if (entry)
			manifest_chain(resolve->manifest, entry, true, &chain);
		return fail(0, "'%s'%s%s%s is a broken ELF file: %s; install it again", path,
			    entry ? " (" : "", text_string(&chain), entry ? ")" : "", why);
	}
	if (r == 0)
		r = cache ? path_map_put(&cache->objects, path, object, object_free) : -ENOMEM;
	if (r < 0)
		return fail(r, "cannot read '%s' in the root '%s'", path, resolve->root->path);
	if (ret_object)
		*ret_object = object;
	object = NULL;
	return 0;
}

int elf_look(struct resolve *resolve, const struct entry *entry, int fd)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	text_format(&path, "/%s", entry->path);
	if (path.failed)
		return fail(-ENOMEM, "cannot read '%s'", entry->path);
	if (!has_magic(fd) || elf_find(resolve, text_string(&path)))
		return 0;
	return object_read(resolve, text_string(&path), fd, NULL);
}

static void folder_free(void *pointer)
{
	struct folder *folder = pointer;

	free(folder->canonical);
	strings_free(&folder->names);
	free(folder);
}

static int folder_fill(const struct sysroot *root, const char *path, struct folder *folder)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	struct sysroot unwatched = *root; /* what counts is which of the names are asked for */
	const struct dirent *child;
	int r = sysroot_canonical(root, path, &folder->canonical, NULL);

	unwatched.watch = NULL;
	if (r == 0)
		r = sysroot_opendir(&unwatched, folder->canonical, &directory);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0; /* but the image may have one */
	while (r == 0 && (errno = 0, child = readdir(directory)))
		r = strings_add(&folder->names, child->d_name);
	if (r == 0)
		r = -errno;
	strings_sort(&folder->names, false);
	return r;
}

static int folder_get(struct resolve *resolve, const char *path, struct folder **ret_folder)
{
	struct elf_cache *cache = elf_cache_get(resolve);
	struct folder *folder = cache ? path_map_get(&cache->folders, path) : NULL;
	int r;

	if (!cache)
		return fail(-ENOMEM, "cannot look for libraries in '%s'", path);
	if (folder) {
		*ret_folder = folder;
		return 0;
	}
	folder = calloc(1, sizeof(*folder));
	r = folder ? folder_fill(resolve->root, path, folder) : -ENOMEM;
	if (r == -EACCES || r == -ELOOP) {
		warn("cannot look for libraries in '%s' in the root '%s' (%s), skipping", path,
		     resolve->root->path, strerror(-r));
		r = 0;
	}
	if (r == 0)
		r = path_map_put(&cache->folders, path, folder, folder_free);
	if (r < 0) {
		if (folder)
			folder_free(folder);
		return fail(r, "cannot look for libraries in '%s' in the root '%s'", path,
			    resolve->root->path);
	}
	*ret_folder = folder;
	return 0;
}

static int compare_name(const void *name, const void *item)
{
	return strcmp(name, *(char *const *)item);
}

static bool is_listed(const struct folder *folder, const char *name)
{
	return folder->names.count && bsearch(name, folder->names.items, folder->names.count,
					      sizeof(char *), compare_name);
}

/* open what the image will have at the canonical @path. -ENOENT, quiet: nothing that is a file */
static int open_candidate(const struct resolve *resolve, const char *path, int *ret_fd)
{
	const struct entry *entry = manifest_find(resolve->manifest, path + 1);
	CLEANUP(fd_close) int fd = -1;
	struct stat status;

	if (entry && entry->type == ENTRY_FILE && entry->source.kind != SOURCE_ROOT)
		return entry_open(entry, ret_fd);
	fd = sysroot_open(resolve->root, path, O_RDONLY | O_NONBLOCK);
	if (fd == -ENOENT)
		return fd;
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail(fd < 0 ? fd : -errno,
			    "cannot read the library '%s' in the root '%s'; make it readable, or "
			    "run as a user who may read it",
			    path, resolve->root->path);
	if (!S_ISREG(status.st_mode))
		return -ENOENT;
	*ret_fd = fd_take(&fd);
	return 0;
}

/* the object at the canonical @path. -ENOENT, quiet: there is no ELF file */
static int object_at(struct resolve *resolve, const char *path, struct elf_object **ret_object)
{
	CLEANUP(fd_close) int fd = -1;
	int r;

	*ret_object = elf_find(resolve, path);
	if (*ret_object)
		return 0;
	r = open_candidate(resolve, path, &fd);
	if (r < 0)
		return r;
	/* a linker script stands beside some libraries: libc.so */
	if (!has_magic(fd))
		return -ENOENT;
	return object_read(resolve, path, fd, ret_object);
}

int library_try_path(struct library_search *search, const char *path,
		     struct elf_object **ret_object)
{
	CLEANUP(memory_free) char *canonical = NULL;
	struct elf_object *object;
	int r = sysroot_canonical(search->resolve->root, path, &canonical, NULL);

	if (r == -ENOTDIR || r == -ENOENT)
		return 0;
	if (r < 0)
		return fail(r, "cannot follow the library '%s' in the root '%s'", path,
			    search->resolve->root->path);
	r = object_at(search->resolve, canonical, &object);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (object->bits != search->like->bits || object->machine != search->like->machine ||
	    object->encoding != search->like->encoding ||
	    (object->type != ET_DYN && !(search->is_interpreter && object->type == ET_EXEC))) {
		if (!search->wrong)
			search->wrong = object;
		return 0;
	}
	*ret_object = object;
	return 1;
}

/*
 * The loader prefers what stands for its processor in FOLDER/glibc-hwcaps/LEVEL. Which one that is
 * shows at boot only: all are wanted beside the one that serves every processor.
 */
static int try_variants(struct library_search *search, const char *folder, const char *name)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct folder *levels = NULL;
	int r;

	text_format(&path, "%s/" HWCAPS, folder);
	r = path.failed ? -ENOMEM : folder_get(search->resolve, text_string(&path), &levels);
	for (size_t i = 0; r == 0 && levels && i < levels->names.count; i++) {
		struct elf_object *object;

		if (levels->names.items[i][0] == '.')
			continue;
		text_clear(&path);
		text_format(&path, "%s/" HWCAPS "/%s/%s", folder, levels->names.items[i], name);
		r = path.failed ? -ENOMEM : library_try_path(search, text_string(&path), &object);
		if (r == 1)
			r = strings_add(&search->variants, text_string(&path));
	}
	return r;
}

int library_try(struct library_search *search, const char *folder, const char *name,
		struct elf_object **ret_object, char **ret_path)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	struct folder *listed = NULL;
	int r = folder_get(search->resolve, folder, &listed);

	if (r < 0)
		return r;
	if (!strings_contain(&search->folders, folder) && strings_add(&search->folders, folder) < 0)
		return fail(-ENOMEM, "cannot look for '%s'", name);
	if (!listed || !listed->canonical)
		return 0;
	if (search->has_variants && is_listed(listed, HWCAPS)) {
		r = try_variants(search, folder, name);
		if (r < 0)
			return r;
	}
	text_format(&path, "%s/%s", text_equal(listed->canonical, "/") ? "" : listed->canonical,
		    name);
	if (path.failed)
		return -ENOMEM;
	if (!is_listed(listed, name)) {
		watch_absent(search->resolve->root->watch, text_string(&path));
		if (!manifest_find(search->resolve->manifest, &text_string(&path)[1]))
			return 0;
	}
	r = library_try_path(search, text_string(&path), ret_object);
	if (r <= 0)
		return r;
	text_clear(&path);
	text_format(&path, "%s/%s", folder, name);
	r = text_take(&path, ret_path);
	return r < 0 ? r : 1;
}
