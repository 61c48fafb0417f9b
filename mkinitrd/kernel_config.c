/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_config.c - how the kernel that an image is for was configured (see kernel_config.h)
 *
 * In:    the root, a kernel release
 * Out:   the value of an option
 * Not:   the copy inside a kernel image (kernel_image.c); which options matter (check_kernel.c)
 * Facts: kernel Documentation/kbuild/kconfig.rst: "CONFIG_NAME=value" lines; what is off is a
 *        comment "# CONFIG_NAME is not set" or missing
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "fail.h"
#include "kernel_config.h"
#include "resolve.h"
#include "../init/lib/file.h"

#define PREFIX "CONFIG_"

struct kernel_config {
	char *path;
	struct text text; /* begins with a newline, so that every line does */
};

static int read_plain(int fd, struct text *text)
{
	return file_read_fd(fd, KERNEL_CONFIG_MOST, text);
}

// clang-format off
static const struct {
	const char *format; /* the directory of the modules goes in when it begins with %, else the
			     * release */
	int (*read)(int fd, struct text *text);
} places[] = {
	{ "/boot/config-%s",      read_plain },
	{ "%s/config",            read_plain },
	{ "%s/build/.config",     read_plain },
	{ "/boot/vmlinuz-%s",     kernel_image_config },
	{ "%s/vmlinuz",           kernel_image_config },
};
// clang-format on

void kernel_config_close(struct kernel_config *config)
{
	if (!config)
		return;
	free(config->path);
	text_free(&config->text);
	free(config);
}

/* "FORMAT" with the one %s replaced: the compiler cannot look into a table's formats */
static void place_format(const char *format, const struct kernel *kernel, struct text *path)
{
	const char *hole = strstr(format, "%s");

	text_add_bytes(path, format, (size_t)(hole - format));
	text_add(path, hole == format ? kernel->directory : kernel->release);
	text_add(path, hole + 2);
}

/* Return: 1 read, 0 not there or of no use, or -ENOMEM */
static int try_place(const struct sysroot *root, size_t place, struct kernel_config *config)
{
	CLEANUP(fd_close) int fd = sysroot_open(root, config->path, O_RDONLY | O_NONBLOCK);
	struct stat status;
	int r = fd;

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r >= 0 && fstat(fd, &status) < 0)
		r = -errno;
	if (r >= 0 && !S_ISREG(status.st_mode))
		r = -EINVAL;
	text_clear(&config->text);
	text_add_char(&config->text, '\n');
	if (r >= 0)
		r = places[place].read(fd, &config->text);
	if (r == -ENOMEM || config->text.failed)
		return -ENOMEM;
	if (r == 0 && !strstr(text_string(&config->text), "\n" PREFIX))
		r = -ENODATA;
	if (r == 0)
		return 1;
	if (r != -ENOENT)
		note("no kernel configuration is taken from '%s' in the root '%s': %s",
		     config->path, root->path, strerror(-r));
	return 0;
}

int kernel_config_open(const struct sysroot *root, const struct kernel *kernel,
		       struct kernel_config **ret_config)
{
	CLEANUP(kernel_config_cleanup) struct kernel_config *config = calloc(1, sizeof(*config));

	if (!config)
		return -ENOMEM;
	if (*kernel->release == '\0')
		return -ENOENT; /* an image without a kernel of its own */
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		CLEANUP(text_free) struct text path = TEXT_EMPTY;
		int r;

		place_format(places[i].format, kernel, &path);
		memory_free(&config->path);
		r = text_take(&path, &config->path);
		if (r == 0)
			r = try_place(root, i, config);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		*ret_config = config;
		config = NULL;
		return 0;
	}
	return -ENOENT;
}

char kernel_config_get(const struct kernel_config *config, const char *name)
{
	const char *bare = text_after(name, PREFIX);
	const char *end = config->text.data + config->text.length;
	const size_t before = strlen("\n" PREFIX);
	size_t length;

	bare = bare ? bare : name;
	length = strlen(bare);
	if (length == 0 || config->text.length < before)
		return 'n';
	for (const char *at = config->text.data + before;
	     (at = memmem(at, (size_t)(end - at), bare, length)) != NULL; at += length) {
		char value;

		if (memcmp(at - before, "\n" PREFIX, before) != 0 || at[length] != '=')
			continue;
		value = at[length + 1];
		return value == 'm' || value == 'n' ? value : 'y';
	}
	return 'n';
}

bool kernel_config_has_modules(const struct kernel_config *config)
{
	for (const char *at = text_string(&config->text); (at = strstr(at, "=m")) != NULL;
	     at += 2) {
		if (at[2] == '\n' || at[2] == '\0')
			return true;
	}
	return false;
}

const char *kernel_config_path(const struct kernel_config *config)
{
	return config->path;
}
