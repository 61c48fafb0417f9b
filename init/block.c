/* SPDX-License-Identifier: Apache-2.0 */
/*
 * block.c - block devices and the file systems on them
 *
 * In:    /sys/class/block and /dev
 * Out:   type, label, UUID of those file systems that init can mount
 * Not:   which of them is wanted (disk.c)
 * Facts: libblkid's low-level probe, with a filter wherever a boot goes well: without one it also
 *        reads the ends of the devices and takes 16 times as long (docs/boot.md section 8). Where
 *        the serial of a virtio disk is: Documentation/ABI/stable/sysfs-block
 */
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "block.h"
#include "lib/cleanup.h"
#include "lib/file.h"
#include "lib/number.h"

void block_free(struct block_device *device)
{
	free(device->name);
	free(device->path);
	free(device->type);
	free(device->label);
	free(device->uuid);
	free(device->part_label);
	free(device->part_uuid);
	free(device->serial);
	*device = (struct block_device){ 0 };
}

void block_devices_free(struct block_devices *devices)
{
	for (size_t i = 0; i < devices->count; i++)
		block_free(&devices->items[i]);
	free(devices->items);
	*devices = BLOCK_DEVICES_EMPTY;
}

static void probe_free(blkid_probe *probe)
{
	blkid_free_probe(*probe);
	*probe = NULL;
}

static int set_filters(blkid_probe probe, unsigned more)
{
	char ext2[] = "ext2", ext3[] = "ext3", ext4[] = "ext4", xfs[] = "xfs", btrfs[] = "btrfs",
	     swap[] = "swap", vfat[] = "vfat", iso9660[] = "iso9660", squashfs[] = "squashfs";
	char *types[] = { ext2, ext3, ext4, xfs, btrfs, swap, vfat, iso9660, squashfs, NULL };

	if (!(more & BLOCK_ROOT))
		types[6] = NULL;
	if (blkid_probe_enable_superblocks(probe, 1) < 0 ||
	    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID |
							     BLKID_SUBLKS_TYPE) < 0 ||
	    blkid_probe_filter_superblocks_type(probe, BLKID_FLTR_ONLYIN, types) < 0)
		return -EINVAL;
	if (more & BLOCK_PARTITION &&
	    (blkid_probe_enable_partitions(probe, 1) < 0 ||
	     blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS) < 0))
		return -EINVAL;
	return 0;
}

static int take_values(struct block_device *device, blkid_probe probe)
{
	const struct {
		const char *key;
		char **value;
	} rows[] = {
		{ "TYPE", &device->type },
		{ "LABEL", &device->label },
		{ "UUID", &device->uuid },
		{ "PART_ENTRY_NAME", &device->part_label },
		{ "PART_ENTRY_UUID", &device->part_uuid },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *value;

		if (blkid_probe_lookup_value(probe, rows[i].key, &value, NULL) < 0)
			continue;
		*rows[i].value = strdup(value);
		if (!*rows[i].value)
			return -ENOMEM;
	}
	return 0;
}

int block_probe(struct block_device *device, const char *path, unsigned more)
{
	CLEANUP(probe_free) blkid_probe probe = NULL;
	CLEANUP(fd_close) int fd = -1;
	struct stat status;
	int r;

	*device = (struct block_device){ 0 };
	if (stat(path, &status) < 0)
		return -errno;
	if (!S_ISBLK(status.st_mode))
		return -ENOTBLK;
	device->path = strdup(path);
	device->name = strdup(text_after(path, "/dev/") ? path + strlen("/dev/") : path);
	probe = blkid_new_probe();
	if (!device->path || !device->name || !probe)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || blkid_probe_set_device(probe, fd, 0, 0) < 0) {
		device->error = errno ? -errno : -EIO;
		return 0;
	}
	r = set_filters(probe, more);
	if (r < 0)
		return r;
	errno = 0;
	r = blkid_do_safeprobe(probe);
	if (r == -2)
		device->is_ambivalent = true;
	else if (r < 0)
		device->error = errno ? -errno : -EIO;
	return r == 0 ? take_values(device, probe) : 0;
}

static int probe_value(blkid_probe probe, const char *key, const char *suffix, char **ret_what)
{
	const char *value;

	if (blkid_probe_lookup_value(probe, key, &value, NULL) < 0)
		return 0;
	if (asprintf(ret_what, "%s%s", value, suffix) >= 0)
		return 1;
	*ret_what = NULL;
	return -ENOMEM;
}

int block_identify(int fd, char **ret_what)
{
	CLEANUP(probe_free) blkid_probe probe = blkid_new_probe();
	int r;

	if (!probe)
		return -ENOMEM;
	errno = 0;
	/* a GPT counts also where only its copy at the end is left */
	if (blkid_probe_set_device(probe, fd, 0, 0) < 0 ||
	    blkid_probe_enable_superblocks(probe, 1) < 0 ||
	    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE) < 0 ||
	    blkid_probe_enable_partitions(probe, 1) < 0 ||
	    blkid_probe_set_partitions_flags(probe, BLKID_PARTS_FORCE_GPT) < 0)
		return errno ? -errno : -EIO;
	r = blkid_do_safeprobe(probe);
	if (r == 1)
		return 0;
	if (r < 0 && r != -2)
		return errno ? -errno : -EIO;
	r = r == -2 ? 0 : probe_value(probe, "TYPE", "", ret_what);
	if (r == 0)
		r = probe_value(probe, "PTTYPE", " partition table", ret_what);
	if (r != 0)
		return r < 0 ? r : 0;
	*ret_what = strdup("several signatures");
	return *ret_what ? 0 : -ENOMEM;
}

/* without a medium, or not a disk that anybody stores on */
static bool is_left_out(int directory_fd, const char *name)
{
	static const char *const prefixes[] = { "loop", "ram", "zram", "fd" };
	CLEANUP(memory_free) char *path = NULL;
	CLEANUP(memory_free) char *size = NULL;
	uint64_t sectors;

	if (name[0] == '.')
		return true;
	for (size_t i = 0; i < COUNT_OF(prefixes); i++)
		if (text_after(name, prefixes[i]))
			return true;
	if (asprintf(&path, "%s/size", name) < 0) {
		path = NULL;
		return true;
	}
	return file_read_line(directory_fd, path, &size) < 0 || number_parse(size, &sectors) < 0 ||
	       sectors == 0;
}

static int list_names(struct strings *names)
{
	CLEANUP(directory_close) DIR *directory = opendir("/sys/class/block");
	const struct dirent *entry;
	int r = 0;

	if (!directory)
		return -errno;
	while (r == 0 && (entry = readdir(directory)))
		if (!is_left_out(dirfd(directory), entry->d_name))
			r = strings_add(names, entry->d_name);
	return r;
}

/* sda2 before sda10: the directory's own order is none */
static int compare_natural(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

/* what sysfs knows of it. Return: 0 or -ENOMEM */
static int take_facts(struct block_device *device, const char *name)
{
	CLEANUP(memory_free) char *folder = NULL;
	CLEANUP(memory_free) char *number = NULL;
	CLEANUP(memory_free) char *serial = NULL;
	CLEANUP(fd_close) int fd = -1;

	if (asprintf(&folder, "/sys/class/block/%s", name) < 0) {
		folder = NULL;
		return -ENOMEM;
	}
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	device->is_partition = file_read_line(fd, "partition", &number) == 0;
	if (!text_after(name, "vd") ||
	    file_read_line(fd, device->is_partition ? "../serial" : "serial", &serial) < 0 ||
	    !*serial)
		return 0;
	if (asprintf(&device->serial, "%s%s%s", serial, number ? "-part" : "",
		     number ? number : "") >= 0)
		return 0;
	device->serial = NULL;
	return -ENOMEM;
}

int block_scan(struct block_devices *devices, unsigned more)
{
	CLEANUP(strings_free) struct strings names = STRINGS_EMPTY;
	int r = list_names(&names);

	*devices = BLOCK_DEVICES_EMPTY;
	if (r < 0)
		return r;
	if (names.count == 0)
		return 0;
	qsort(names.items, names.count, sizeof(*names.items), compare_natural);
	devices->items = calloc(names.count, sizeof(*devices->items));
	if (!devices->items)
		return -ENOMEM;
	for (size_t i = 0; i < names.count; i++) {
		struct block_device *device = &devices->items[devices->count];
		CLEANUP(text_free) struct text path = TEXT_EMPTY;

		/* sysfs writes a '/' in a device's name as '!' */
		text_format(&path, "/dev/%s", names.items[i]);
		for (char *mark = path.data; mark && (mark = strchr(mark, '!')); mark++)
			*mark = '/';
		r = block_probe(device, text_string(&path), more);
		if (r == 0)
			r = take_facts(device, names.items[i]);
		if (r == -ENOMEM) {
			block_free(device);
			return r;
		}
		if (r < 0 || device->error == -ENOMEDIUM)
			block_free(device); /* gone again, or an empty drive */
		else
			devices->count++;
	}
	return 0;
}

void block_describe(const struct block_devices *devices, struct text *text)
{
	if (devices->count == 0)
		text_add(text, "no disks");
	for (size_t i = 0; i < devices->count; i++) {
		const struct block_device *device = &devices->items[i];

		text_format(text, "%s%s ", i ? ", " : "", device->name);
		if (device->error)
			text_format(text, "unreadable (%s)", strerror(-device->error));
		else if (device->is_ambivalent)
			text_add(text, "several file systems");
		else
			text_add(text, device->type ? device->type : "no known file system");
		if (device->label && device->label[0])
			text_format(text, " LABEL=%s", device->label);
	}
}
