/* SPDX-License-Identifier: Apache-2.0 */
/*
 * root_mount.h - a root from devices, images and a writable layer
 */
#pragma once

#include "block.h"
#include "machine.h"
#include "root_request.h"

/* where its parts stay reachable */
#define ROOT_BOOT RUN_DIRECTORY "/boot"   /* the device with the image */
#define ROOT_IMAGE RUN_DIRECTORY "/image" /* what is read */
#define ROOT_INNER RUN_DIRECTORY "/inner" /* an image in the image */
#define ROOT_COW RUN_DIRECTORY "/cow"     /* where changes go */
#define ROOT_NEW RUN_DIRECTORY "/root"    /* all of it together, until it becomes "/" */

/* a root that is being put together */
struct root {
	struct machine *machine;
	const struct root_request *request;
	struct step_record *record; /* what failed, and why */
	struct text details;        /* what there is, " key=value" each */
	const char *lower;          /* of the places above: what is read; NULL: none yet */
	const char *layer;          /* read-only, above it: a host's bundle; NULL: none */
	const char *places;         /* the same, above all: a place for init; NULL: none */
	struct block_device boot;   /* the device that was found */
	char identity[96];          /* of what is read; "" when it has none */
};

/**
 * root_mount() - put together at @at, an empty directory, what @root->request wants
 *
 * On failure nothing stays mounted and no device was written to; the record's details say why.
 *
 * Return: 0 or a negative errno; @root is to be closed in any case
 */
int root_mount(struct root *root, const char *at);
void root_close(struct root *root);

/** root_unmount() - the root at @at and its parts, last first; devices go with their last use */
void root_unmount(const char *at);

/* ---- its parts; each speaks into the record ---- */

/** root_find() - the one device that @find names, waited for. Return: 0 or a negative errno */
int root_find(struct root *root, const char *find, bool is_cow, struct block_device *ret_device);

/** root_image_mount() - the image that is open as @fd, or the device @device, read-only at @at,
 * through the plan's hash tree when @with_verity. @name is for messages. Its kind is found out. */
int root_image_mount(struct root *root, int fd, const char *device, const char *name,
		     const char *at, bool with_verity);

/** root_image_open() - @path below the directory @at, links followed as if @at were "/" */
int root_image_open(struct root *root, const char *at, const char *path);

/** root_cow_mount() - the writable layer over root->lower at @at */
int root_cow_mount(struct root *root, const char *at);

/** root_need() - load the driver of the file system @type (with what it asks for itself), or the
 * module @name; either may be NULL. A missing one shows in what needs it. */
void root_need(const struct machine *machine, const char *type, const char *name);
