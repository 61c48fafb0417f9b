/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_copy.c - the kernel beside its image, where nobody else puts it (see boot_entry.h)
 *
 * In:    .../modules/KVER/vmlinuz
 * Out:   vmlinuz-PKGBASE in the folder of the image
 * Facts: on Arch a kernel's package has its kernel among the modules alone; mkinitcpio and booster
 *        copy it to /boot/vmlinuz-PKGBASE, and remove it with the package
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>

#include "boot_entry.h"
#include "container_archive.h"
#include "fail.h"
#include "output.h"

static bool is_there(const struct host *host, const char *path)
{
	struct stat status;

	return sysroot_stat(&host->root, path, true, &status) == 0;
}

static bool is_wanted(const struct host *host, const struct definition *definition,
		      const struct host_kernel *kernel)
{
	if (definition->copy != COPY_AUTO)
		return definition->copy == COPY_ALWAYS;
	return kernel->base && text_after(kernel->image, kernel->directory) &&
	       !is_there(host, "/usr/bin/mkinitcpio") && !is_there(host, "/usr/bin/booster");
}

/* whether one of our images brought it; else it is somebody else's, and is left alone */
static bool is_ours(const struct host *host, const char *path)
{
	for (size_t i = 0; i < host->records.count; i++)
		if (text_equal(host->records.items[i].copy, path))
			return true;
	return false;
}

static int hash(const struct host *host, const char *path, char *ret_hex)
{
	CLEANUP(fd_close) int fd = sysroot_open(&host->root, path, O_RDONLY);

	return fd < 0 ? fd : sha256_hex_fd(fd, ret_hex);
}

static bool is_same(const struct host *host, const char *a, const char *b)
{
	char first[SHA256_SIZE * 2 + 1], second[SHA256_SIZE * 2 + 1];

	return hash(host, b, second) == 0 && hash(host, a, first) == 0 && text_equal(first, second);
}

static int write_copy(const struct host *host, const char *from, struct kernel_beside *copy)
{
	CLEANUP(memory_free) char *target = host_path(host, copy->path);
	CLEANUP(fd_close) int fd = sysroot_open(&host->root, from, O_RDONLY);
	ssize_t count;
	int r;

	if (fd < 0 || !target)
		return fail(fd < 0 ? fd : -ENOMEM, "cannot copy the kernel '%s'", from);
	r = output_open(&copy->output, target);
	if (r < 0)
		return r;
	do {
		count = sendfile(copy->output.fd, fd, NULL, (size_t)1 << 20);
	} while (count > 0 || (count < 0 && errno == EINTR));
	if (count < 0 || fchmod(copy->output.fd, 0644) < 0)
		return fail(-errno, "cannot copy the kernel to '%s'", copy->path);
	return 0;
}

/* a kernel that is somebody else's, and perhaps another one than the image is for */
static void warn_of_other(const struct host *host, const struct definition *definition,
			  const struct host_kernel *kernel, const char *image, const char *path)
{
	if (!is_same(host, kernel->image, path))
		warn("'%s' is not kernel %s, which '%s' is for, and not ours to replace; "
		     "'copy-kernel: true' in %s replaces it",
		     path, kernel->release, image, definition->path);
}

int kernel_copy_prepare(const struct host *host, const struct definition *definition,
			const struct host_kernel *kernel, const char *image,
			struct kernel_beside *copy)
{
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int r;

	if (!kernel->image || !is_wanted(host, definition, kernel))
		return 0;
	text_format(&path, "%.*svmlinuz-%s", (int)(base_name(image) - image), image,
		    kernel->base ? kernel->base : kernel->release);
	if (path.failed)
		return fail(-ENOMEM, "cannot copy the kernel");
	if (text_equal(text_string(&path), kernel->image))
		return 0;
	if (definition->copy == COPY_AUTO && is_there(host, text_string(&path)) &&
	    !is_ours(host, text_string(&path))) {
		warn_of_other(host, definition, kernel, image, text_string(&path));
		return 0;
	}
	r = text_take(&path, &copy->path);
	if (r < 0)
		return fail(r, "cannot copy the kernel");
	return is_same(host, kernel->image, copy->path) ? 0 : write_copy(host, kernel->image, copy);
}

int kernel_copy_publish(struct kernel_beside *copy, struct record *record)
{
	int r = copy->output.temporary ? output_publish(&copy->output) : 0;

	if (r < 0 || !copy->path)
		return r;
	free(record->copy);
	record->copy = copy->path;
	copy->path = NULL;
	return 0;
}

void kernel_copy_close(struct kernel_beside *copy)
{
	output_close(&copy->output);
	memory_free(&copy->path);
}
