/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_kernel.c - the kernels that a host has installed (see host_kernel.h)
 *
 * In:    the folders of modules, /boot
 * Out:   kernels
 * Facts: Arch: the kernel lies among its modules as "vmlinuz", and "pkgbase" names its package;
 *        Debian: /boot/vmlinuz-RELEASE
 */
#include <errno.h>
#include <string.h>

#include "fail.h"
#include "host_kernel.h"

#define BASE_MOST 256

static const char *const folders[] = { "/usr/lib/modules", "/lib/modules" };

static void host_kernel_free(struct host_kernel *kernel)
{
	free(kernel->release);
	free(kernel->base);
	free(kernel->directory);
	free(kernel->image);
	*kernel = (struct host_kernel){ 0 };
}

void host_kernels_free(struct host_kernels *kernels)
{
	for (size_t i = 0; i < kernels->count; i++)
		host_kernel_free(&kernels->items[i]);
	free(kernels->items);
	*kernels = (struct host_kernels){ 0 };
}

static bool is_there(const struct sysroot *root, const char *path)
{
	struct stat status;

	return path && sysroot_stat(root, path, true, &status) == 0;
}

/* the first line of .../pkgbase, which becomes part of names of files. Return: 0 also when there
 * is none */
static int read_base(const struct sysroot *root, struct host_kernel *kernel)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	const char *line;
	size_t length;
	int r;

	text_format(&path, "%s/pkgbase", kernel->directory);
	if (path.failed)
		return -ENOMEM;
	r = sysroot_read(root, text_string(&path), BASE_MOST, &text);
	if (r == -ENOENT)
		return 0;
	line = text_string(&text);
	length = strcspn(line, "\n");
	if (r < 0 || length == 0 || line[0] == '.' || memchr(line, '/', length)) {
		warn("'%s' names no package, skipping", text_string(&path));
		return 0;
	}
	kernel->base = strndup(line, length);
	return kernel->base ? 0 : -ENOMEM;
}

static int find_image(const struct sysroot *root, struct host_kernel *kernel)
{
	CLEANUP(memory_free) char *beside = NULL;

	if (asprintf(&beside, "%s/vmlinuz", kernel->directory) < 0) {
		beside = NULL;
		return -ENOMEM;
	}
	if (is_there(root, beside)) {
		kernel->image = text_pointer_take(&beside);
		return 0;
	}
	if (asprintf(&kernel->image, "/boot/vmlinuz-%s", kernel->release) < 0) {
		kernel->image = NULL;
		return -ENOMEM;
	}
	if (!is_there(root, kernel->image))
		memory_free(&kernel->image);
	return 0;
}

/* Return: 0 (then the list owns it), -ENOENT: there is no kernel, or another -errno; quiet */
static int add(const struct sysroot *root, const char *folder, const char *release,
	       bool needs_image, struct host_kernels *kernels)
{
	CLEANUP(host_kernel_free) struct host_kernel kernel = { 0 };
	struct host_kernel *items;
	int r;

	if (host_kernel_find(kernels, release))
		return 0;
	kernel.release = strdup(release);
	if (!kernel.release || asprintf(&kernel.directory, "%s/%s", folder, release) < 0) {
		kernel.directory = NULL;
		return -ENOMEM;
	}
	r = is_there(root, kernel.directory) ? find_image(root, &kernel) : -ENOENT;
	if (r == 0 && needs_image && !kernel.image)
		r = -ENOENT;
	if (r == 0)
		r = read_base(root, &kernel);
	items = r == 0 ? reallocarray(kernels->items, kernels->count + 1, sizeof(*items)) : NULL;
	if (!items)
		return r < 0 ? r : -ENOMEM;
	kernels->items = items;
	items[kernels->count++] = kernel;
	kernel = (struct host_kernel){ 0 };
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct host_kernel *left = a, *right = b;

	return strverscmp(left->release, right->release);
}

static int list_folder(const struct sysroot *root, const char *folder, struct host_kernels *kernels)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *child;
	int r = sysroot_opendir(root, folder, &directory);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	while (r == 0 && (errno = 0, child = readdir(directory))) {
		if (child->d_name[0] == '.')
			continue;
		r = add(root, folder, child->d_name, true, kernels);
		if (r == -ENOENT)
			r = 0;
	}
	return r == 0 ? -errno : r;
}

int host_kernels_list(const struct sysroot *root, struct host_kernels *ret_kernels)
{
	CLEANUP(host_kernels_free) struct host_kernels kernels = { 0 };

	for (size_t i = 0; i < COUNT_OF(folders); i++) {
		int r = list_folder(root, folders[i], &kernels);

		if (r < 0)
			return fail(r, "cannot look for kernels in '%s' in the root '%s'",
				    folders[i], root->path);
	}
	if (kernels.count)
		qsort(kernels.items, kernels.count, sizeof(*kernels.items), compare);
	*ret_kernels = kernels;
	kernels = (struct host_kernels){ 0 };
	return 0;
}

int host_kernels_add(const struct sysroot *root, const char *release, struct host_kernels *kernels)
{
	int r = -ENOENT;

	if (!*release || strchr(release, '/') || release[0] == '.')
		return fail(0, "'%s' is not the release of a kernel", release);
	for (size_t i = 0; i < COUNT_OF(folders) && r == -ENOENT; i++)
		r = add(root, folders[i], release, false, kernels);
	if (r == -ENOENT) {
		(void)fail(0, "kernel %s has no modules in the root '%s'", release, root->path);
		return r;
	}
	if (r < 0)
		return fail(r, "cannot look for kernel %s in the root '%s'", release, root->path);
	qsort(kernels->items, kernels->count, sizeof(*kernels->items), compare);
	return 0;
}

const struct host_kernel *host_kernel_find(const struct host_kernels *kernels, const char *release)
{
	for (size_t i = 0; i < kernels->count; i++)
		if (text_equal(kernels->items[i].release, release))
			return &kernels->items[i];
	return NULL;
}
