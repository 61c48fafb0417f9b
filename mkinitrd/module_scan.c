/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_scan.c - find the module files of a kernel (see module_scan.h)
 *
 * In:    the kernel's directory in the root, its modules.order, depmod.d (depmod_config.c)
 * Out:   a list of files
 * Not:   what is in them (module_depend.c); folders outside of the kernel's ("external")
 * Facts: the order in which modules are written: kmod's tools/depmod.c, depmod_modules_sort()
 */
#include <errno.h>
#include <string.h>

#include "module_scan.h"
#include "depmod_config.h"
#include "module_config.h"
#include "fail.h"

#define ORDER_LIMIT ((size_t)16 << 20)
#define DEPTH_MOST 64
#define FILES_MOST ((size_t)1 << 20)
#define NO_ORDER SIZE_MAX
struct scan {
	const struct sysroot *root;
	const struct kernel *kernel;
	struct module_files *files;
	struct depmod_config config;
	struct stat above[DEPTH_MOST];
};

static void scan_free(struct scan *scan)
{
	depmod_config_free(&scan->config);
}

void module_files_free(struct module_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->items[i].path);
		free(files->items[i].name);
	}
	free(files->items);
	strings_free(&files->externals);
	*files = MODULE_FILES_EMPTY;
}

char *module_name_from_path(const char *path)
{
	const char *base = base_name(path);
	char *name = strndup(base, strcspn(base, "."));

	if (name)
		module_name_normal(name);
	return name;
}

/* ---- the folders ---- */

static bool is_module(const char *name)
{
	static const char *const suffixes[] = { ".ko", ".ko.xz", ".ko.zst", ".ko.gz" };

	for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
		if (text_ends_with(name, suffixes[i]) && strlen(name) > strlen(suffixes[i]))
			return true;
	}
	return false;
}

static int file_found(struct scan *scan, const char *path)
{
	struct module_files *files = scan->files;
	struct module_file file = { .order = NO_ORDER };

	if (files->count == FILES_MOST)
		return -E2BIG;
	if (files->count == files->allocated) {
		size_t allocated = files->allocated ? 2 * files->allocated : 512;
		struct module_file *items = reallocarray(files->items, allocated, sizeof(*items));

		if (!items)
			return -ENOMEM;
		files->items = items;
		files->allocated = allocated;
	}
	file.path = strdup(path);
	file.name = module_name_from_path(path);
	if (!file.path || !file.name) {
		free(file.path);
		free(file.name);
		return -ENOMEM;
	}
	files->items[files->count++] = file;
	return 0;
}

static bool folder_is_skipped(const struct scan *scan, const char *name)
{
	return text_equal(name, ".") || text_equal(name, "..") || text_equal(name, "build") ||
	       text_equal(name, "source") || strings_contain(&scan->config.excludes, name);
}

static int folder_scan(struct scan *scan, const char *inside, unsigned depth);

/* "kernel/fs" and "ext4" */
// NOLINTNEXTLINE(misc-no-recursion): DEPTH_MOST
static int child_scan(struct scan *scan, const char *inside, const struct dirent *child,
		      unsigned depth)
{
	CLEANUP(text_free) struct text below = TEXT_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	unsigned char type = child->d_type;
	struct stat status;

	text_format(&below, "%s%s%s", inside, *inside ? "/" : "", child->d_name);
	if (type != DT_REG && type != DT_DIR) {
		text_format(&path, "%s/%s", scan->kernel->directory, text_string(&below));
		if (path.failed)
			return -ENOMEM;
		if (sysroot_stat(scan->root, text_string(&path), true, &status) < 0)
			return 0;
		type = S_ISREG(status.st_mode)   ? DT_REG
		       : S_ISDIR(status.st_mode) ? DT_DIR
						 : DT_UNKNOWN;
	}
	if (below.failed)
		return -ENOMEM;
	if (type == DT_DIR)
		return folder_scan(scan, text_string(&below), depth + 1);
	return type == DT_REG && is_module(child->d_name) ? file_found(scan, text_string(&below))
							  : 0;
}

// NOLINTNEXTLINE(misc-no-recursion): DEPTH_MOST
static int folder_scan(struct scan *scan, const char *inside, unsigned depth)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	const struct dirent *child;
	int r;

	if (depth == DEPTH_MOST)
		return -ELOOP;
	text_format(&path, "%s/%s", scan->kernel->directory, inside);
	r = path.failed ? -ENOMEM : sysroot_opendir(scan->root, text_string(&path), &directory);
	if (r < 0)
		return r;
	if (fstat(dirfd(directory), &scan->above[depth]) < 0)
		return -errno;
	for (unsigned i = 0; i < depth; i++) { /* a symlink that leads up again */
		if (scan->above[i].st_dev == scan->above[depth].st_dev &&
		    scan->above[i].st_ino == scan->above[depth].st_ino)
			return 0;
	}
	while (r >= 0 && (errno = 0, child = readdir(directory)) != NULL) {
		if (!folder_is_skipped(scan, child->d_name))
			r = child_scan(scan, inside, child, depth);
	}
	return r < 0 ? r : -errno;
}

/* ---- one of each, in order ---- */

static int path_compare(const void *left, const void *right)
{
	const struct module_file *a = left;
	const struct module_file *b = right;

	return strcmp(a->path, b->path);
}

static int order_compare(const void *left, const void *right)
{
	const struct module_file *a = left;
	const struct module_file *b = right;

	return a->order != b->order ? (a->order < b->order ? -1 : 1) : path_compare(left, right);
}

static int rank_compare(const void *left, const void *right, void *context)
{
	const struct module_file *a = left;
	const struct module_file *b = right;
	int order = strcmp(a->name, b->name);
	size_t a_rank, b_rank;

	if (order)
		return order;
	a_rank = depmod_config_rank(context, a->path);
	b_rank = depmod_config_rank(context, b->path);
	return a_rank != b_rank ? (a_rank < b_rank ? -1 : 1) : path_compare(left, right);
}

static void files_choose(struct scan *scan)
{
	struct module_files *files = scan->files;
	size_t kept = 0;

	if (files->count)
		qsort_r(files->items, files->count, sizeof(*files->items), rank_compare,
			&scan->config);
	for (size_t i = 0; i < files->count; i++) {
		struct module_file *file = &files->items[i];

		if (kept == 0 || !text_equal(files->items[kept - 1].name, file->name)) {
			files->items[kept++] = *file;
			continue;
		}
		debug("'%s' counts, not '%s'", files->items[kept - 1].path, file->path);
		free(file->path);
		free(file->name);
	}
	files->count = kept;
}

/* lines are paths without compression; now sorted by path, which @path needs not be wholly */
static struct module_file *file_at(const struct module_files *files, const char *path)
{
	size_t low = 0, high = files->count;
	size_t length = strlen(path);

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct module_file *file = &files->items[middle];
		int order = strncmp(path, file->path, length);

		char next = order == 0 ? file->path[length] : '\0';

		if (order == 0 && (next == '\0' || next == '.'))
			return file;
		if (order < 0 || next > '.')
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static int order_read(const struct scan *scan)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text content = TEXT_EMPTY;
	size_t number = 0;
	char *rest, *line;
	int r;

	text_format(&path, "%s/modules.order", scan->kernel->directory);
	r = path.failed ? -ENOMEM
			: sysroot_read(scan->root, text_string(&path), ORDER_LIMIT, &content);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	for (rest = content.data; rest && (line = strsep(&rest, "\n")) != NULL; number++) {
		struct module_file *file = *line ? file_at(scan->files, line) : NULL;

		if (file)
			file->order = number; /* the last one counts, as with depmod */
	}
	return 0;
}

int module_scan(const struct sysroot *root, const struct kernel *kernel,
		struct module_files *ret_files)
{
	CLEANUP(module_files_free) struct module_files files = MODULE_FILES_EMPTY;
	CLEANUP(scan_free) struct scan scan = { .root = root, .kernel = kernel, .files = &files };
	int r;

	r = depmod_config_read(root, kernel->release, &scan.config);
	if (r >= 0)
		r = folder_scan(&scan, "", 0);
	if (r < 0)
		return fail(r, "cannot list the modules in '%s' of the root '%s'",
			    kernel->directory, root->path);
	files.externals = scan.config.externals;
	scan.config.externals = STRINGS_EMPTY;
	files_choose(&scan);
	if (files.count)
		qsort(files.items, files.count, sizeof(*files.items), path_compare);
	r = order_read(&scan);
	if (r < 0)
		return fail(r, "cannot read '%s/modules.order' of the root '%s'", kernel->directory,
			    root->path);
	if (files.count)
		qsort(files.items, files.count, sizeof(*files.items), order_compare);
	*ret_files = files;
	files = MODULE_FILES_EMPTY;
	return 0;
}
