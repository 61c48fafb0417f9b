/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_scan.c - find the module files of a kernel (see module_scan.h)
 *
 * In:    the kernel's directory in the root, its modules.order, depmod.d of the root
 * Out:   a list of files
 * Not:   what is in them (module_depend.c); folders outside of the kernel's ("external")
 * Facts: depmod.d(5); which of two files wins and in which order modules are written: kmod's
 *        tools/depmod.c, depmod_module_is_higher_priority(), depmod_modules_sort()
 */
#include <errno.h>
#include <regex.h>
#include <string.h>

#include "module_scan.h"
#include "config_files.h"
#include "module_config.h"
#include "fail.h"

#define ORDER_LIMIT ((size_t)16 << 20)
#define DEPTH_MOST 64
#define FILES_MOST ((size_t)1 << 20)
#define NO_ORDER SIZE_MAX
#define BUILT_IN "built-in" /* a word of depmod.d for whatever no other word is for */

struct scan {
	const struct sysroot *root;
	const struct kernel *kernel;
	struct module_files *files;
	struct strings searches;  /* folders, the best first */
	struct strings overrides; /* paths without extension */
	struct strings excludes;  /* names of folders */
	struct stat above[DEPTH_MOST];
};

static void scan_free(struct scan *scan)
{
	strings_free(&scan->searches);
	strings_free(&scan->overrides);
	strings_free(&scan->excludes);
}

void module_files_free(struct module_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->items[i].path);
		free(files->items[i].name);
	}
	free(files->items);
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

/* ---- depmod.d ---- */

static bool release_matches(const char *pattern, const char *release)
{
	regex_t expression;
	bool is_match;

	if (text_equal(pattern, "*"))
		return true;
	if (regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	is_match = regexec(&expression, release, 0, NULL, 0) == 0;
	regfree(&expression);
	return is_match;
}

static int words_add(struct strings *words, char *rest)
{
	const char *word;
	int r = 0;

	while (r == 0 && (word = strsep(&rest, "\t ")) != NULL)
		r = *word ? strings_add(words, word) : 0;
	return r;
}

static int line_take(void *context, char *line, const char *path, unsigned number)
{
	struct scan *scan = context;
	CLEANUP(strings_free) struct strings words = STRINGS_EMPTY;
	int r;

	if (*line == '#')
		return 0;
	r = words_add(&words, line);
	if (r < 0 || words.count == 0)
		return r;
	if (text_equal(words.items[0], "search") || text_equal(words.items[0], "exclude")) {
		struct strings *list =
			text_equal(words.items[0], "search") ? &scan->searches : &scan->excludes;

		for (size_t i = 1; r == 0 && i < words.count; i++)
			r = strings_add(list, words.items[i]);
		return r;
	}
	if (text_equal(words.items[0], "override") && words.count >= 4)
		return release_matches(words.items[2], scan->kernel->release)
			       ? strings_add_format(&scan->overrides, "%s/%s", words.items[3],
						    words.items[1])
			       : 0;
	note("'%s' line %u: '%s' is not followed here, skipping", path, number, words.items[0]);
	return 0;
}

static int settings_read(struct scan *scan)
{
	static const char *const folders[] = {
		"/etc/depmod.d",     "/run/depmod.d", "/usr/local/lib/depmod.d",
		"/usr/lib/depmod.d", "/lib/depmod.d",
	};
	CLEANUP(config_files_free) struct config_files files = CONFIG_FILES_EMPTY;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < COUNT_OF(folders); i++)
		r = config_files_list(scan->root, folders[i], ".conf", NULL, &files);
	config_files_sort(&files);
	for (size_t i = 0; r >= 0 && i < files.count; i++)
		r = config_file_lines(scan->root, files.items[i].path, line_take, scan);
	if (r >= 0 && scan->searches.count == 0)
		r = strings_add(&scan->searches, "updates");
	return r;
}

/* ---- which of two files ---- */

/* without ".ko" and what follows */
static size_t stem_length(const char *path)
{
	const char *base = base_name(path);

	return (size_t)(base - path) + strcspn(base, ".");
}

static bool is_override(const struct scan *scan, const char *path)
{
	size_t length = stem_length(path);

	for (size_t i = 0; i < scan->overrides.count; i++) {
		if (strlen(scan->overrides.items[i]) == length &&
		    strncmp(scan->overrides.items[i], path, length) == 0)
			return true;
	}
	return false;
}

/* the lower the better */
static size_t file_rank(const struct scan *scan, const char *path)
{
	size_t rank = scan->searches.count;

	if (is_override(scan, path))
		return 0;
	for (size_t i = 0; i < scan->searches.count; i++) {
		const char *folder = scan->searches.items[i];
		const char *rest = text_after(path, folder);

		if (rest && *rest == '/')
			return i + 1;
		if (text_equal(folder, BUILT_IN))
			rank = i;
	}
	return rank + 1;
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
	       text_equal(name, "source") || strings_contain(&scan->excludes, name);
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
	a_rank = file_rank(context, a->path);
	b_rank = file_rank(context, b->path);
	return a_rank != b_rank ? (a_rank < b_rank ? -1 : 1) : path_compare(left, right);
}

static void files_choose(struct scan *scan)
{
	struct module_files *files = scan->files;
	size_t kept = 0;

	if (files->count)
		qsort_r(files->items, files->count, sizeof(*files->items), rank_compare, scan);
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
	CLEANUP(scan_free)
	struct scan scan = { .root = root, .kernel = kernel, .files = &files };
	int r;

	r = settings_read(&scan);
	if (r >= 0)
		r = folder_scan(&scan, "", 0);
	if (r < 0)
		return fail(r, "cannot list the modules in '%s' of the root '%s'",
			    kernel->directory, root->path);
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
