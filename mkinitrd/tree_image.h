/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree_image.h - the files of a container image: shared by tree_image.c and tree_image_blob.c; all
 * others see tree_read.h
 *
 * All speak, but for image_digest_hex().
 */
#pragma once

#include <jansson.h>

#include "fail.h"
#include "manifest.h"
#include "sysroot.h"
#include "tree_read.h"

#define HEX_LENGTH (SHA256_SIZE * 2)

struct image {
	struct tree_reader *reader;
	struct sysroot folder; /* nothing outside is opened, whatever symlinks it has */
};

#define fail_image(image, format, ...) fail(0, "%s " format, (image)->reader->label, ##__VA_ARGS__)

/** image_digest_hex() - HEX of "sha256:HEX", or NULL: nothing else is known, and nothing else may
 * become a path */
const char *image_digest_hex(const char *digest);

/** image_blob_path() - where what has @digest lies in the folder */
int image_blob_path(const struct image *image, const char *digest, struct text *path);

/** image_read_json() - JSON at @path; with @hex, whose digest it must have */
int image_read_json(const struct image *image, const char *path, const char *hex, json_t **ret);

/** image_read_blob() - JSON that @descriptor names by its digest */
int image_read_blob(const struct image *image, const json_t *descriptor, json_t **ret);

/**
 * image_take_layer() - a layer over what is in the tree
 * @digest:  of the file as it is or NULL
 * @diff_id: of what is in it, or NULL
 */
int image_take_layer(const struct image *image, const char *path, const char *digest,
		     const char *diff_id);
