/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook_pacman.c - Arch Linux: what 60-mkinitrd-remove.hook and 90-mkinitrd-install.hook call
 *
 * In:    paths on stdin, without a leading '/': what the transaction takes or has brought
 * Out:   before it, the kernels that will go in /run/mkinitrd/pending-remove; after it images
 * Facts: alpm-hooks(5). A new version of a kernel has a new folder of modules: its transaction
 *        takes the old one's vmlinuz and brings another. What package a kernel is of stands in
 *        "pkgbase" beside it, which is gone afterwards; one without is none of pacman's.
 *        A hook's status only shows in pacman's log.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fail.h"
#include "hook.h"
#include "options.h"
#include "../init/lib/file.h"

#define RUN_FOLDER "/run/mkinitrd"
#define PENDING_FILE RUN_FOLDER "/pending-remove"
#define PENDING_MOST ((size_t)1 << 20)
#define MODULES "usr/lib/modules/"

/* the kernel that a path is about; NULL: none. The caller frees it */
static char *kernel_of(const char *path)
{
	const char *rest = text_after(path, MODULES);
	const char *slash = rest ? strchr(rest, '/') : NULL;

	if (!slash || slash == rest ||
	    !(text_equal(slash, "/vmlinuz") || text_after(slash, "/extramodules/")))
		return NULL;
	return strndup(rest, (size_t)(slash - rest));
}

/* to its end, whatever is in it: pacman is not to see a closed pipe */
static int read_targets(struct strings *ret_kernels, bool *ret_has_others)
{
	CLEANUP(memory_free) char *line = NULL;
	size_t size = 0;
	ssize_t length;
	int r = 0;

	*ret_has_others = false;
	while ((length = getline(&line, &size, stdin)) > 0) {
		char *kernel;

		if (line[length - 1] == '\n')
			line[length - 1] = '\0';
		kernel = kernel_of(line);
		if (kernel && r == 0)
			r = strings_take_in(ret_kernels, kernel);
		else if (*line)
			*ret_has_others = true;
	}
	strings_sort(ret_kernels, true);
	return r < 0 ? fail(r, "cannot read what pacman says") : 0;
}

int hook_pacman_remove(const struct hook_call *call)
{
	CLEANUP(host_close) struct host host = HOST_EMPTY;
	CLEANUP(strings_free) struct strings kernels = STRINGS_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	CLEANUP(memory_free) char *folder = NULL;
	CLEANUP(memory_free) char *path = NULL;
	bool has_others;
	int r = read_targets(&kernels, &has_others);

	if (r == 0)
		r = host_open(&host, call->root);
	if (r < 0)
		return EXIT_FAILED;
	folder = host_path(&host, RUN_FOLDER);
	path = host_path(&host, PENDING_FILE);
	r = folder && path ? sysroot_read(&host.root, PENDING_FILE, PENDING_MOST, &text) : -ENOMEM;
	for (size_t i = 0; i < kernels.count; i++) {
		const struct host_kernel *kernel =
			host_kernel_find(&host.kernels, kernels.items[i]);

		if (kernel && kernel->base)
			text_format(&text, "%s %s\n", kernel->release, kernel->base);
	}
	if (text.length == 0)
		return EXIT_DONE;
	if (r == 0 || r == -ENOENT)
		r = directory_make(folder, 0755);
	if (r == 0)
		r = text.failed ? -ENOMEM : file_write(AT_FDCWD, path, text_string(&text), 0644);
	if (r < 0)
		(void)fail(r, "cannot note in '%s' which kernels go", PENDING_FILE);
	return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* ---- after the transaction ---- */

/* the kernels that were noted before it, added */
static int read_pending(const struct host *host, struct strings *kernels)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	int r = sysroot_read(&host->root, PENDING_FILE, PENDING_MOST, &text);
	char *rest = text.data, *line;

	if (r == -ENOENT)
		return 0;
	while (r == 0 && (line = strsep(&rest, "\n")) != NULL)
		if (*line)
			r = strings_add_format(kernels, "%.*s", (int)strcspn(line, " "), line);
	strings_sort(kernels, true);
	return r < 0 ? fail(r, "cannot read '%s'", PENDING_FILE) : 0;
}

static int update_kernel(struct host *host, const char *release)
{
	const struct update update = { .kernel = release, .only_packaged = true };

	return update_run(host, &update);
}

/* Return: 0, or the first thing that failed */
static int update(struct host *host, const struct strings *kernels, bool all)
{
	int result = 0;

	if (all || kernels->count == 0)
		return update_kernel(host, NULL);
	for (size_t i = 0; i < kernels->count; i++) {
		int r = 0;

		if (host_kernel_find(&host->kernels, kernels->items[i]))
			r = update_kernel(host, kernels->items[i]);
		if (result == 0)
			result = r;
	}
	return result;
}

/* those that are gone, after those that have come: what failed above is still there */
static int clean(struct host *host, struct strings *kernels)
{
	CLEANUP(memory_free) char *path = host_path(host, PENDING_FILE);
	int result = read_pending(host, kernels);

	for (size_t i = 0; i < kernels->count; i++) {
		int r = update_remove_kernel(host, kernels->items[i]);

		if (result == 0)
			result = r;
	}
	if (result == 0 && path && unlink(path) < 0 && errno != ENOENT)
		result = fail(-errno, "cannot remove '%s'", PENDING_FILE);
	return result;
}

int hook_pacman_install(const struct hook_call *call)
{
	CLEANUP(host_close) struct host host = HOST_EMPTY;
	CLEANUP(strings_free) struct strings kernels = STRINGS_EMPTY;
	bool has_others;
	int r = read_targets(&kernels, &has_others), cleaned = 0;

	if (r == 0)
		r = host_open_locked(&host, call->root);
	if (r < 0)
		return EXIT_FAILED;
	r = update(&host, &kernels, has_others);
	if (r == 0) /* else what was noted stays noted */
		cleaned = clean(&host, &kernels);
	return r < 0 || cleaned < 0 ? EXIT_FAILED : EXIT_DONE;
}
