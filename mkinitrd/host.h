/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - the machine that an image is for: its devices, and its disks with what they stand on
 *
 * A host is a root with "sys", "proc/self/mountinfo" and "dev": "/", or a folder that describes
 * another machine. What it says is untrusted: what is not printable ASCII does not get out of here.
 */
#pragma once

#include <stdbool.h>

#include "sysroot.h"
#include "../init/lib/find.h"

struct host_device {
	char *path; /* below /sys/devices: "pci0000:00/0000:00:03.0" */
	char *bus;  /* "pci"; "": none */
	struct strings modaliases;
	char *driver;   /* that is bound to it; NULL: none */
	char *module;   /* of the driver, when the running kernel says one; else NULL */
	bool is_loaded; /* that module was loaded, and is not built in */
};

struct host_devices {
	struct host_device *items; /* in order of path */
	size_t count;
};

#define HOST_DEVICES_EMPTY ((struct host_devices){ 0 })

/** host_devices_read() - what in /sys/devices has a modalias or a driver; speaks */
int host_devices_read(const struct sysroot *host, struct host_devices *ret_devices);
void host_devices_free(struct host_devices *devices);

struct host_disk {
	char *name;               /* "vda1" */
	char *type;               /* of its file system; NULL: not known */
	char *options;            /* of its file system, as mounted; NULL: it is not */
	bool is_root;             /* mounted at / */
	struct strings names;     /* what asks for it: "boot.disk.find LABEL=DOCKER" */
	struct strings devices;   /* all that it stands on, itself first: as host_device.path */
	struct strings modules;   /* and the drivers of what has no device below: names, aliases */
	const struct value *find; /* the first line of the profile that names it, or NULL */
};

struct host_disks {
	struct host_disk *items; /* in order of name */
	size_t count;
};

#define HOST_DISKS_EMPTY ((struct host_disks){ 0 })

/** host_disks_mounted() - add those that are mounted; speaks with -v of what is none */
int host_disks_mounted(const struct sysroot *host, struct host_disks *disks);

/**
 * host_disks_named() - add those that are @find, as a profile says it; speaks
 * @text: the same as it stands in the profile's @key, for messages
 */
int host_disks_named(const struct sysroot *host, const char *key, const char *text,
		     const struct value *find, struct host_disks *disks);

/** host_disks_follow() - what each stands on, when all are there; speaks */
int host_disks_follow(const struct sysroot *host, struct host_disks *disks);
void host_disks_free(struct host_disks *disks);

/** host_disks_add() - the row of @name, a new one if need be; NULL: out of memory */
struct host_disk *host_disks_add(struct host_disks *disks, const char *name);

/** host_chain() - fill in @disk's devices and modules; quiet (host_chain.c) */
int host_chain(const struct sysroot *host, struct host_disk *disk);

struct host_superblock {
	char *type; /* of a file system; NULL: it is none, @other says what else */
	char *other;
	char *label, *uuid, *part_label, *part_uuid;
};

/** host_probe() - what libblkid finds on a block device, or in a file that stands for one; quiet.
 * Return: 0, also when it finds nothing, or a negative errno */
int host_probe(int fd, struct host_superblock *ret_superblock);
void host_superblock_free(struct host_superblock *superblock);

/** host_word() - a name or value as it may get out; false: it is empty or not printable ASCII */
bool host_word(const char *word);

/** host_read() - the first line of a small file of the host, or NULL; the caller frees it */
char *host_read(const struct sysroot *host, const char *format, ...) PRINTF_LIKE(2, 3);

/** host_link() - the last component of where a symlink of the host leads, or NULL */
char *host_link(const struct sysroot *host, const char *format, ...) PRINTF_LIKE(2, 3);

/** host_uevent() - the value of @key in /sys/devices/@path/uevent, or NULL */
char *host_uevent(const struct sysroot *host, const char *path, const char *key);

/** host_block_path() - where the block device @name is below /sys/devices, or NULL */
char *host_block_path(const struct sysroot *host, const char *name);

/** host_is_disk() - false: it lies in memory or in a file (loop) */
bool host_is_disk(const char *name);
