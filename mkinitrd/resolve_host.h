/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve_host.h - "kernel.host-modules" at work: shared by resolve_host.c and
 * resolve_host_disks.c; all others see modules.h
 */
#pragma once

#include "host.h"
#include "modules.h"

struct host_resolve {
	struct modules *modules;
	struct resolve *resolve;
	struct origin at; /* of "kernel.host-modules" */
	const struct value *wanted;
	struct host_devices devices;
	struct host_disks disks;
	const char **owners; /* of each module of the tree: the device that wanted it, or NULL */
	int *outcomes;       /* of each device: an enum outcome, or NOT_ASKED */
	struct strings lost; /* "e1000e (pci 0000:00:1f.6)" */
};

/* what came of looking for one name or alias; the best of several counts */
enum outcome {
	NOT_ASKED,
	FOUND_NOTHING,
	FOUND_BANNED, /* modprobe.d */
	FOUND_EXCLUDED,
	FOUND, /* packed, or built in */
};

struct asking {
	const char *who;      /* "host device pci 0000:00:03.0": for messages, and the manifest */
	const char *owner;    /* lives as long as the work */
	const char *modalias; /* NULL: it is a name */
};

/** host_look_up() - wish for all that a name or an alias leads to; quiet but for -v.
 * Return: an enum outcome, or a negative errno */
int host_look_up(struct host_resolve *work, const char *name, const struct asking *asking);

/** host_device_look_up() - the same for what a device asks for, and, when that leads nowhere, for
 * what drives it now */
int host_device_look_up(struct host_resolve *work, const struct host_device *device,
			const char *who);

/** host_device_lost() - say of a device that no module is for it. Return: 0 or -ENOMEM */
int host_device_lost(struct host_resolve *work, const struct host_device *device, const char *who);

/** host_device_name() - add "pci 0000:00:03.0" */
void host_device_name(struct text *text, const struct host_device *device);

/** host_disks_read() - the disks of the host that matter, and what they stand on; speaks */
int host_disks_read(const struct resolve *resolve, struct host_disks *disks);

/** host_disks_resolve() - wishes for all of them, before those of the other devices; speaks */
int host_disks_resolve(struct host_resolve *work);
