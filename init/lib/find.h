/* SPDX-License-Identifier: Apache-2.0 */
/*
 * find.h - the ways to name a block device, in profiles, plans and on the command line
 */
#pragma once

#include <stdbool.h>

enum find_kind {
	FIND_LABEL, /* of the file system, or of swap */
	FIND_UUID,  /* of the file system, or of swap */
	FIND_PART_LABEL,
	FIND_PART_UUID,
	FIND_SERIAL, /* of a virtio disk: "SERIAL", or "SERIAL-part1" for a partition of it */
	FIND_PATH,   /* a path in /dev */
	FIND_NONE,
};

/* what find_parse() takes, for messages */
#define FIND_FORMS "LABEL=, UUID=, PARTLABEL=, PARTUUID=, virtio-SERIAL, a path in /dev, or none"

/**
 * find_parse() - what @text names
 * @ret_value: what comes after the prefix, in @text; the whole path of FIND_PATH
 *
 * The links that udev would make in /dev/disk mean the same as the other form: there is no udev on
 * the machine. Quiet. Return: false when it is of no known form
 */
bool find_parse(const char *text, enum find_kind *ret_kind, const char **ret_value);
