/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel.c - for which kernel an image is made
 *
 * In:    -k, the root, the running kernel; the configuration of one without modules
 * Out:   a release, and the directory of its modules
 * Not:   the modules (resolve_module.c), the kernel image itself, which no initramfs holds
 */
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "fail.h"
#include "kernel_config.h"
#include "resolve.h"

#define PLACES "/usr/lib/modules or /lib/modules"

/* /lib first: that is where modprobe and init look; with a merged /usr they are one */
static const char *const module_folders[] = { "/lib/modules", "/usr/lib/modules" };

void kernel_free(struct kernel *kernel)
{
	memory_free(&kernel->release);
	memory_free(&kernel->directory);
}

/* whether the modules of @release are in @folder: 1, 0 or a negative errno */
static int kernel_is_in(const struct sysroot *root, const char *folder, const char *release)
{
	static const char *const signs[] = { "modules.dep", "modules.builtin", "kernel" };

	for (size_t i = 0; i < COUNT_OF(signs); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		struct stat status;

		text_format(&path, "%s/%s/%s", folder, release, signs[i]);
		if (path.failed)
			return -ENOMEM;
		if (sysroot_stat(root, text_string(&path), true, &status) == 0)
			return 1;
	}
	return 0;
}

/* the releases in one folder, appended */
static int kernel_list_folder(const struct sysroot *root, const char *folder,
			      struct strings *releases)
{
	CLEANUP(directory_close) DIR *directory = NULL;
	const struct dirent *child;
	int r = sysroot_opendir(root, folder, &directory);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	while (r == 0 && (errno = 0, child = readdir(directory))) {
		if (child->d_name[0] == '.')
			continue;
		r = kernel_is_in(root, folder, child->d_name);
		if (r == 1)
			r = strings_add(releases, child->d_name);
	}
	if (r == 0)
		r = -errno;
	return r;
}

static int kernel_list(const struct sysroot *root, struct strings *releases)
{
	for (size_t i = 0; i < COUNT_OF(module_folders); i++) {
		int r = kernel_list_folder(root, module_folders[i], releases);

		if (r < 0)
			return fail(r, "cannot look for kernels in '%s' in the root '%s'",
				    module_folders[i], root->path);
	}
	strings_sort(releases, true);
	return 0;
}

static int kernel_take(const struct sysroot *root, const char *release, struct kernel *ret_kernel)
{
	CLEANUP(memory_free) char *name = strdup(release);
	CLEANUP(memory_free) char *directory = NULL;
	int r = 0;

	for (size_t i = 0; r == 0 && !directory && i < COUNT_OF(module_folders); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		r = kernel_is_in(root, module_folders[i], release);
		if (r <= 0)
			continue;
		text_format(&path, "%s/%s", module_folders[i], release);
		r = path.failed ? -ENOMEM
				: sysroot_canonical(root, text_string(&path), &directory, NULL);
	}
	if (r == 0 && (!name || !directory))
		r = -ENOMEM;
	if (r < 0)
		return fail(r, "cannot take the kernel '%s'", release);
	ret_kernel->release = text_pointer_take(&name);
	ret_kernel->directory = text_pointer_take(&directory);
	return 0;
}

static int fail_wanted(const struct sysroot *root, const char *wanted,
		       const struct strings *releases, const struct kernel_config *config)
{
	CLEANUP(text_free) struct text more = TEXT_EMPTY;

	if (config)
		text_format(&more, "; by '%s' it loads some: install them",
			    kernel_config_path(config));
	else if (releases->count == 0)
		text_format(&more,
			    ", which has no kernel; install it there, name another --root, or, "
			    "when all is built in, put its configuration there: /boot/config-%s",
			    wanted);
	for (size_t i = 0; i < releases->count; i++)
		text_format(&more, "%s%s", i ? ", " : "; installed: ", releases->items[i]);
	(void)fail(0, "kernel '%s' (-k) has no modules in " PLACES " of the root '%s'%s", wanted,
		   root->path, text_string(&more));
	return -ENOENT;
}

/* -k with a kernel that has no folder of modules: all is built in, or none is wanted */
static int kernel_without_modules(const struct sysroot *root, const char *wanted, bool is_needed,
				  const struct strings *releases, struct kernel *ret_kernel)
{
	CLEANUP(kernel_config_cleanup) struct kernel_config *config = NULL;
	CLEANUP(kernel_free) struct kernel kernel = { .has_no_modules = true };
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r;

	if (*wanted == '\0' || strchr(wanted, '/'))
		return fail_wanted(root, wanted, releases, NULL);
	text_format(&path, "/lib/modules/%s", wanted);
	kernel.release = strdup(wanted);
	r = path.failed || !kernel.release
		    ? -ENOMEM
		    : sysroot_canonical(root, text_string(&path), &kernel.directory, NULL);
	if (r == 0)
		r = kernel_config_open(root, &kernel, &config);
	if (r < 0 && r != -ENOENT)
		return fail(r, "cannot read the configuration of kernel '%s'", wanted);
	if (config && !kernel_config_has_modules(config))
		say("kernel %s has no modules, by '%s' in the root '%s': what the profile wants of "
		    "them is built in, or missing",
		    wanted, kernel_config_path(config), root->path);
	else if (releases->count == 0 && !is_needed)
		say("kernel %s (-k) is not in the root '%s', and the profile wants no modules",
		    wanted, root->path);
	else
		return fail_wanted(root, wanted, releases, config);
	*ret_kernel = kernel;
	kernel = (struct kernel){ 0 };
	return 0;
}

static int kernel_none(struct kernel *ret_kernel)
{
	struct kernel kernel = { .release = strdup(""), .directory = strdup("") };

	if (!kernel.release || !kernel.directory) {
		kernel_free(&kernel);
		return fail(-ENOMEM, "cannot build");
	}
	*ret_kernel = kernel;
	return 0;
}

int kernel_choose(const struct sysroot *root, const char *wanted, bool is_needed,
		  struct kernel *ret_kernel)
{
	CLEANUP(strings_free) struct strings releases = STRINGS_EMPTY;
	const char *newest;
	struct utsname running;
	int r = kernel_list(root, &releases);

	if (r < 0)
		return r;
	if (wanted && !strings_contain(&releases, wanted))
		return kernel_without_modules(root, wanted, is_needed, &releases, ret_kernel);
	if (releases.count == 0 && !is_needed) {
		note("no kernel in the root '%s', and none is needed", root->path);
		return kernel_none(ret_kernel);
	}
	if (releases.count == 0) {
		(void)fail(0,
			   "no kernel modules in " PLACES " of the root '%s'; install a kernel "
			   "there (Debian: linux-image-amd64), name another --root, or, with -k, a "
			   "kernel that has all built in",
			   root->path);
		return -ENOENT;
	}
	if (wanted)
		return kernel_take(root, wanted, ret_kernel);
	/* what runs here says nothing about another root */
	if (sysroot_is_running(root) && uname(&running) == 0 &&
	    strings_contain(&releases, running.release))
		return kernel_take(root, running.release, ret_kernel);
	newest = releases.items[0];
	for (size_t i = 1; i < releases.count; i++)
		if (strverscmp(releases.items[i], newest) > 0)
			newest = releases.items[i];
	say("kernel %s, the newest in the root '%s' (-k names another)", newest, root->path);
	return kernel_take(root, newest, ret_kernel);
}
