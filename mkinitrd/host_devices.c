/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_devices.c - the devices of a host (see host.h)
 *
 * In:    /sys/devices of the host, walked without following a symlink
 * Out:   what has a modalias or a driver, in order of path
 * Not:   which modules these ask for (resolve_host.c)
 * Facts: Documentation/ABI/testing/sysfs-devices: driver, subsystem, modalias; some (MMC cards)
 *        say their modalias in uevent alone. /sys/module/NAME/initstate is there for what was
 *        loaded, and for nothing that is built in
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "escape.h"
#include "fail.h"
#include "host.h"
#include "../init/lib/file.h"

#define TOP "/sys/devices"
#define DEPTH_MOST 40 /* of USB behind hubs behind bridges: some 25 */
#define ALIASES_MOST 65536

static void device_free(struct host_device *device)
{
	free(device->path);
	free(device->bus);
	strings_free(&device->modaliases);
	free(device->driver);
	free(device->module);
	*device = (struct host_device){ 0 };
}

void host_devices_free(struct host_devices *devices)
{
	for (size_t i = 0; i < devices->count; i++)
		device_free(&devices->items[i]);
	free(devices->items);
	*devices = HOST_DEVICES_EMPTY;
}

static void leave_out(const char *path, const char *why)
{
	CLEANUP(text_free) struct text shown = TEXT_EMPTY;

	escape_name(&shown, path);
	note("host device '%s': %s, skipping", text_string(&shown), why);
}

/* each line of the file is one */
static int read_modaliases(const struct sysroot *host, const char *path, struct strings *modaliases)
{
	CLEANUP(text_free) struct text file = TEXT_EMPTY;
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	char *rest, *line;
	int r;

	text_format(&file, TOP "/%s/modalias", path);
	r = file.failed ? -ENOMEM : sysroot_read(host, text_string(&file), ALIASES_MOST, &text);
	if (r < 0 || !text.data)
		return r == -ENOMEM ? r : 0; /* a device that is gone meanwhile */
	if (strlen(text.data) != text.length) {
		leave_out(path, "its modalias is no text");
		return 0;
	}
	rest = text.data;
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (*line == '\0')
			continue;
		if (!host_word(line) || !strchr(line, ':')) {
			leave_out(path, "its modalias is none");
			continue;
		}
		if (!strings_contain(modaliases, line) && strings_add(modaliases, line) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* one directory of sysfs. Return: 1, 0 when it is no device that matters, or -ENOMEM */
static int device_fill(const struct sysroot *host, const char *path, struct host_device *device)
{
	CLEANUP(memory_free) char *alias = NULL;
	CLEANUP(memory_free) char *state = NULL;
	int r = read_modaliases(host, path, &device->modaliases);

	if (r < 0)
		return r;
	if (device->modaliases.count == 0) {
		alias = host_uevent(host, path, "MODALIAS");
		if (alias && strchr(alias, ':') && strings_add(&device->modaliases, alias) < 0)
			return -ENOMEM;
	}
	device->driver = host_link(host, TOP "/%s/driver", path);
	if (device->modaliases.count == 0 && !device->driver)
		return 0;
	device->module = host_link(host, TOP "/%s/driver/module", path);
	if (device->module)
		state = host_read(host, "/sys/module/%s/initstate", device->module);
	device->is_loaded = state != NULL;
	device->bus = host_link(host, TOP "/%s/subsystem", path);
	if (!device->bus)
		device->bus = strdup("");
	device->path = strdup(path);
	return device->bus && device->path ? 1 : -ENOMEM;
}

static int device_add(const struct sysroot *host, const char *path, struct host_devices *devices)
{
	struct host_device *items =
		reallocarray(devices->items, devices->count + 1, sizeof(*items));
	int r;

	if (!items)
		return -ENOMEM;
	devices->items = items;
	items[devices->count] = (struct host_device){ 0 };
	r = device_fill(host, path, &items[devices->count]);
	if (r == 1)
		devices->count++;
	else
		device_free(&items[devices->count]);
	return r < 0 ? r : 0;
}

// NOLINTNEXTLINE(misc-no-recursion): DEPTH_MOST deep
static int walk(const struct sysroot *host, int directory_fd, struct text *path, unsigned depth,
		struct host_devices *devices)
{
	CLEANUP(directory_close) DIR *directory = fdopendir(directory_fd);
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	bool is_device = false;
	const struct dirent *child;
	size_t length = path->length;
	int r = 0;

	if (!directory) {
		r = -errno;
		(void)close(directory_fd);
		return r;
	}
	while (r == 0 && (child = readdir(directory))) {
		if (text_equal(child->d_name, "modalias") || text_equal(child->d_name, "uevent"))
			is_device = true;
		/* file systems that do not tell are looked at */
		if (child->d_name[0] != '.' &&
		    (child->d_type == DT_DIR || child->d_type == DT_UNKNOWN))
			r = strings_add(&names, child->d_name);
	}
	if (r == 0 && is_device && length)
		r = device_add(host, text_string(path), devices);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		int fd;

		text_format(path, "%s%s", length ? "/" : "", names.items[i]);
		if (path->failed)
			return -ENOMEM;
		fd = openat(dirfd(directory), names.items[i],
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (!host_word(names.items[i]))
			leave_out(text_string(path), "its name is none");
		else if (depth == DEPTH_MOST)
			leave_out(text_string(path), "it lies too deep");
		else if (fd >= 0)
			r = walk(host, fd_take(&fd), path, depth + 1, devices);
		fd_close(&fd);
		path->length = length;
		if (path->data)
			path->data[length] = '\0';
	}
	return r;
}

static int device_compare(const void *a, const void *b)
{
	const struct host_device *left = a, *right = b;

	return strcmp(left->path, right->path);
}

int host_devices_read(const struct sysroot *host, struct host_devices *ret_devices)
{
	CLEANUP(host_devices_free) struct host_devices devices = HOST_DEVICES_EMPTY;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;
	int fd = sysroot_open(host, TOP, O_RDONLY | O_DIRECTORY);
	int r = fd < 0 ? fd : walk(host, fd, &path, 0, &devices);

	if (r < 0)
		return fail(r,
			    "cannot read " TOP " of the host '%s', whose modules "
			    "'kernel.host-modules' asks for; mount sysfs there, or leave it out",
			    host->path);
	if (devices.count)
		qsort(devices.items, devices.count, sizeof(*devices.items), device_compare);
	*ret_devices = devices;
	devices = HOST_DEVICES_EMPTY;
	return 0;
}
