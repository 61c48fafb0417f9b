/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_private.c - libkmod on indexes that lie in no file (see module_tree.h)
 *
 * In:    a tree with computed indexes
 * Out:   its library
 * Not:   computing them (module_depend.c)
 * Facts: libkmod opens its indexes by name below a directory, and maps them: once they are loaded,
 *        the files may go (kmod 30, libkmod/libkmod.c, kmod_load_resources())
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "module_tree.h"
#include "module_library.h"
#include "../init/lib/file.h"

struct shelf {
	char *path; /* a directory of our own */
	int fd;
	struct strings names; /* files in it */
};

static void shelf_remove(struct shelf *shelf)
{
	for (size_t i = 0; i < shelf->names.count; i++)
		(void)unlinkat(shelf->fd, shelf->names.items[i], 0);
	if (shelf->path)
		(void)rmdir(shelf->path);
	fd_close(&shelf->fd);
	memory_free(&shelf->path);
	strings_free(&shelf->names);
}

static int shelf_make(struct shelf *shelf)
{
	const char *folder = getenv("TMPDIR");
	char *path;

	if (asprintf(&path, "%s/mkinitrd-modules-XXXXXX", folder && *folder ? folder : "/tmp") < 0)
		return -ENOMEM;
	if (!mkdtemp(path)) {
		free(path);
		return -errno;
	}
	shelf->path = path;
	shelf->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return shelf->fd < 0 ? -errno : 0;
}

/* the binary ones: libkmod reads no others */
static int shelf_fill(struct shelf *shelf, const struct module_index *index)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < index->count; i++) {
		const struct module_index_file *file = &index->files[i];
		CLEANUP(fd_close) int fd = -1;

		if (!text_ends_with(file->name, ".bin"))
			continue;
		fd = openat(shelf->fd, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			return -errno;
		r = strings_add(&shelf->names, file->name);
		if (r == 0)
			r = file_write_fd(fd, text_string(&file->content), file->content.length);
	}
	return r;
}

/* all modules, as for an image that has them all */
static int index_whole(const struct sysroot *root, const struct kernel *kernel,
		       const struct module_tree *tree, struct module_index *index)
{
	CLEANUP(memory_free) bool *is_packed = calloc(tree->count + 1, sizeof(*is_packed));

	if (!is_packed)
		return -ENOMEM;
	for (size_t i = 0; i < tree->count; i++)
		is_packed[i] = tree->modules[i].path != NULL;
	return module_index_build(root, kernel, tree, is_packed, index);
}

int module_tree_open_computed(const struct sysroot *root, const struct kernel *kernel,
			      struct module_tree *tree)
{
	CLEANUP(shelf_remove) struct shelf shelf = { .fd = -1 };
	CLEANUP(module_index_free) struct module_index index = MODULE_INDEX_EMPTY;
	int directory_fd;
	int r;

	r = index_whole(root, kernel, tree, &index);
	if (r >= 0)
		r = shelf_make(&shelf);
	if (r >= 0)
		r = shelf_fill(&shelf, &index);
	if (r >= 0)
		r = shelf_fill(&shelf, &tree->computed);
	if (r < 0)
		return r;
	directory_fd = fcntl(shelf.fd, F_DUPFD_CLOEXEC, 3);
	return directory_fd < 0
		       ? -errno
		       : module_library_open(directory_fd, &tree->config.text, &tree->library);
}
