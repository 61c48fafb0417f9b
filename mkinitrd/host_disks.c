/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_disks.c - the disks of a host that matter: mounted ones, and those that a profile names
 *
 * In:    /proc/self/mountinfo, /sys/class/block, /dev of the host
 * Out:   disks, each with its file system
 * Not:   what they stand on (host_chain.c), what is on one (host_probe.c)
 * Facts: proc(5): /proc/PID/mountinfo; the number of a btrfs is none of a device, so that the
 *        source tells there. Where the serial of a virtio disk is: sysfs-block
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <sys/sysmacros.h>

#include "fail.h"
#include "host.h"

#define MOUNTS_MOST ((size_t)16 << 20)
#define MOUNTS "/proc/self/mountinfo"

static void disk_free(struct host_disk *disk)
{
	free(disk->name);
	free(disk->type);
	free(disk->options);
	strings_free(&disk->names);
	strings_free(&disk->devices);
	strings_free(&disk->modules);
}

void host_disks_free(struct host_disks *disks)
{
	for (size_t i = 0; i < disks->count; i++)
		disk_free(&disks->items[i]);
	free(disks->items);
	*disks = HOST_DISKS_EMPTY;
}

struct host_disk *host_disks_add(struct host_disks *disks, const char *name)
{
	struct host_disk *items;
	char *copy;

	for (size_t i = 0; i < disks->count; i++)
		if (text_equal(disks->items[i].name, name))
			return &disks->items[i];
	items = reallocarray(disks->items, disks->count + 1, sizeof(*items));
	if (items)
		disks->items = items;
	copy = strdup(name);
	if (!items || !copy) {
		free(copy);
		return NULL;
	}
	disks->items[disks->count] = (struct host_disk){ .name = copy };
	return &disks->items[disks->count++];
}

/* ---- mounted ---- */

struct mount {
	const char *device, *at, *type, *source, *options;
};

/* "ID PARENT MAJ:MIN ROOT AT OPTIONS [FIELD...] - TYPE SOURCE OPTIONS", cut in place */
static bool mount_parse(char *line, struct mount *mount)
{
	char *words[5], *rest = line, *end = strstr(line, " - ");

	if (!end)
		return false;
	*end = '\0';
	end += strlen(" - ");
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		words[i] = strsep(&rest, " ");
		if (!words[i])
			return false;
	}
	*mount = (struct mount){ .device = words[2], .at = words[4] };
	mount->type = strsep(&end, " ");
	mount->source = strsep(&end, " ");
	mount->options = end;
	return mount->source && mount->options && host_word(mount->type) &&
	       host_word(mount->options);
}

/* what the kernel calls the device behind a path in /dev, or NULL */
static char *name_of_node(const struct sysroot *host, const char *node)
{
	CLEANUP(memory_free) char *canonical = NULL;
	CLEANUP(memory_free) char *path = NULL;

	if (!text_after(node, "/dev/") || sysroot_canonical(host, node, &canonical, NULL) < 0)
		return NULL;
	path = host_block_path(host, base_name(canonical));
	return path ? strdup(base_name(path)) : NULL;
}

static char *name_of_mount(const struct sysroot *host, const struct mount *mount)
{
	CLEANUP(memory_free) char *canonical = NULL;
	CLEANUP(text_free) struct text path = TEXT_EMPTY;

	if (text_after(mount->device, "0:"))
		return name_of_node(host, mount->source);
	text_format(&path, "/sys/dev/block/%s", mount->device);
	if (path.failed || strchr(mount->device, '/') ||
	    sysroot_canonical(host, text_string(&path), &canonical, NULL) < 0 ||
	    !text_after(canonical, "/sys/devices/"))
		return NULL;
	return strdup(base_name(canonical));
}

static int mount_add(const struct sysroot *host, const struct mount *mount,
		     struct host_disks *disks)
{
	CLEANUP(memory_free) char *name = name_of_mount(host, mount);
	bool is_root = text_equal(mount->at, "/");
	struct host_disk *disk;

	if (name && host_is_disk(name)) {
		disk = host_disks_add(disks, name);
		if (!disk)
			return -ENOMEM;
		disk->is_root |= is_root;
		if (disk->type)
			return 0; /* mounted in several places */
		disk->type = strdup(mount->type);
		disk->options = strdup(mount->options);
		return disk->type && disk->options ? 0 : -ENOMEM;
	}
	if (name)
		note("host disk '%s' (%s): it lies in memory or in a file, skipping", name,
		     mount->type);
	else if (is_root)
		note("the host's '/' (%s) is on no disk, skipping", mount->type);
	return 0;
}

int host_disks_mounted(const struct sysroot *host, struct host_disks *disks)
{
	CLEANUP(text_free) struct text text = TEXT_EMPTY;
	char *rest, *line;
	int r = sysroot_read(host, MOUNTS, MOUNTS_MOST, &text);

	if (r == -ENOENT) {
		note("the host '%s' has no " MOUNTS ": which disks are mounted is not known, "
		     "skipping",
		     host->path);
		return 0;
	}
	rest = text.data;
	while (r == 0 && rest && (line = strsep(&rest, "\n")) != NULL) {
		struct mount mount;

		if (mount_parse(line, &mount))
			r = mount_add(host, &mount, disks);
	}
	return r < 0 ? fail(r, "cannot read " MOUNTS " of the host '%s'", host->path) : 0;
}

/* ---- named by a profile ---- */

struct search {
	const struct sysroot *host;
	enum find_kind kind;
	const char *value;
	const char *key, *text; /* for messages */
	struct strings unread;  /* devices that cannot be opened */
};

static void search_free(struct search *search)
{
	strings_free(&search->unread);
}

/* open the node of a block device; it must be that device, or a file in its place */
static int open_node(const struct sysroot *host, const char *path, const char *name)
{
	CLEANUP(memory_free) char *node = host_uevent(host, path, "DEVNAME");
	CLEANUP(memory_free) char *number = host_read(host, "/sys/class/block/%s/dev", name);
	CLEANUP(text_free) struct text file = TEXT_EMPTY;
	CLEANUP(text_free) struct text found = TEXT_EMPTY;
	CLEANUP(fd_close) int fd = -1;
	struct stat status;

	text_format(&file, "/dev/%s", node ? node : name);
	fd = file.failed ? -ENOMEM : sysroot_open(host, text_string(&file), O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return fd;
	if (fstat(fd, &status) < 0)
		return -errno;
	text_format(&found, "%u:%u", major(status.st_rdev), minor(status.st_rdev));
	if (!S_ISREG(status.st_mode) &&
	    !(S_ISBLK(status.st_mode) && number && text_equal(text_string(&found), number)))
		return -ENXIO;
	return fd_take(&fd);
}

/* as find.h has it: "SERIAL", or "SERIAL-part1" */
static char *serial_of(const struct sysroot *host, const char *name, const char *path)
{
	CLEANUP(memory_free) char *part = host_read(host, "/sys/class/block/%s/partition", name);
	CLEANUP(memory_free) char *above = NULL;
	char *whole = NULL;

	if (!part)
		return host_read(host, "/sys/class/block/%s/serial", name);
	above = host_read(host, "/sys/devices/%s/../serial", path);
	if (!above || asprintf(&whole, "%s-part%s", above, part) < 0)
		return NULL;
	return whole;
}

static bool is_wanted(const struct search *search, const char *name, const char *path,
		      const struct host_superblock *superblock)
{
	CLEANUP(memory_free) char *part_label = host_uevent(search->host, path, "PARTNAME");
	const char *label = superblock->part_label ? superblock->part_label : part_label;
	CLEANUP(memory_free) char *serial = NULL;
	CLEANUP(memory_free) char *node = NULL;

	switch (search->kind) {
	case FIND_LABEL:
		return superblock->label && text_equal(superblock->label, search->value);
	case FIND_UUID:
		return superblock->uuid && strcasecmp(superblock->uuid, search->value) == 0;
	case FIND_PART_LABEL:
		return label && text_equal(label, search->value);
	case FIND_PART_UUID:
		return superblock->part_uuid &&
		       strcasecmp(superblock->part_uuid, search->value) == 0;
	case FIND_SERIAL:
		serial = serial_of(search->host, name, path);
		return serial && text_equal(serial, search->value);
	case FIND_PATH:
		node = name_of_node(search->host, search->value);
		return node && text_equal(node, name);
	case FIND_NONE:
		break;
	}
	return false;
}

/* one block device: is it the one? Return: 1, 0, or a negative errno */
static int look_at(struct search *search, const char *name, const struct value *find,
		   struct host_disks *disks)
{
	CLEANUP(host_superblock_free) struct host_superblock superblock = { 0 };
	CLEANUP(memory_free) char *path = host_block_path(search->host, name);
	CLEANUP(fd_close) int fd = -1;
	struct host_disk *disk;
	int r;

	if (!path || !host_is_disk(name))
		return 0;
	fd = open_node(search->host, path, name);
	if (fd == -EACCES || fd == -EPERM)
		r = strings_add(&search->unread, name);
	else
		r = fd < 0 ? 0 : host_probe(fd, &superblock);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		debug("host disk '%s' cannot be read: %s", name, strerror(-r));
	if (!is_wanted(search, name, path, &superblock))
		return 0;
	disk = host_disks_add(disks, name);
	if (!disk || strings_add_format(&disk->names, "%s %s", search->key, search->text) < 0)
		return -ENOMEM;
	if (!disk->find)
		disk->find = find;
	if (!disk->type && superblock.type && host_word(superblock.type))
		disk->type = text_pointer_take(&superblock.type);
	if (!disk->type)
		note("host disk '%s' (%s %s) holds %s, which is no file system", name, search->key,
		     search->text,
		     superblock.other ? superblock.other : "nothing that can be told");
	return 1;
}

static int say_missing(const struct search *search)
{
	CLEANUP(text_free) struct text names = TEXT_EMPTY;

	for (size_t i = 0; i < search->unread.count; i++)
		text_format(&names, "%s%s", i ? ", " : "", search->unread.items[i]);
	if (names.length)
		warn("no disk of the host that this user can read is '%s' (%s), and %s cannot be "
		     "read: run as root, or name the modules for it under 'kernel.modules'",
		     search->text, search->key, text_string(&names));
	else
		note("no disk of the host is '%s' (%s)", search->text, search->key);
	return 0;
}

int host_disks_named(const struct sysroot *host, const char *key, const char *text,
		     const struct value *find, struct host_disks *disks)
{
	CLEANUP(search_free) struct search search = { .host = host, .key = key, .text = text };
	CLEANUP(directory_close) DIR *directory = NULL;
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	const struct dirent *child;
	size_t found = 0;
	int r;

	if (!find_parse(text, &search.kind, &search.value) || search.kind == FIND_NONE)
		return 0;
	r = sysroot_opendir(host, "/sys/class/block", &directory);
	if (r == -ENOENT)
		return say_missing(&search);
	while (r == 0 && (child = readdir(directory)))
		if (child->d_name[0] != '.')
			r = strings_add(&names, child->d_name);
	strings_sort(&names, true);
	for (size_t i = 0; r == 0 && i < names.count; i++) {
		r = look_at(&search, names.items[i], find, disks);
		found += r == 1;
		r = r < 0 ? r : 0;
	}
	if (r < 0)
		return fail(r, "cannot look for '%s' (%s) on the host '%s'", text, key, host->path);
	return found ? 0 : say_missing(&search);
}

static int disk_compare(const void *a, const void *b)
{
	const struct host_disk *left = a, *right = b;

	return strcmp(left->name, right->name);
}

int host_disks_follow(const struct sysroot *host, struct host_disks *disks)
{
	int r = 0;

	if (disks->count)
		qsort(disks->items, disks->count, sizeof(*disks->items), disk_compare);
	for (size_t i = 0; r == 0 && i < disks->count; i++)
		r = host_chain(host, &disks->items[i]);
	return r < 0 ? fail(r, "cannot see what the disks of the host '%s' stand on", host->path)
		     : 0;
}
