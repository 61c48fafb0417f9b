/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci.h - a container image: blobs that go by their digest, and what ties them together
 */
#pragma once

#include <sys/stat.h>

#include "image.h"
#include "layers.h"
#include "output.h"
#include "run_settings.h"

#define OCI_HEX_SIZE (SHA256_SIZE * 2 + 1)

/* where an image's files go: into a directory, or as members of a tar at its end */
struct oci_store {
	int directory_fd;            /* -1: into the tar */
	const struct output *output; /* the tar; NULL: the directory */
	int64_t mtime;
	const char *label; /* what messages call it, with quotes */
	/* the blob at hand */
	int fd;
	uint64_t offset; /* of its first byte in @fd */
};

/* one blob that is there */
struct oci_blob {
	char hex[OCI_HEX_SIZE];
	uint64_t size;
};

struct oci_layer {
	const struct layer *layer;
	struct oci_blob blob;
	char diff_hex[OCI_HEX_SIZE]; /* of the tar, before compression */
};

/* what is said of the image */
struct oci_image {
	struct oci_layer *layers;
	size_t layer_count;
	enum compression compression; /* of the layers: NONE, GZIP or ZSTD */
	const struct run_settings *run;
	const char *architecture;
	const char *title, *description; /* description: may be NULL */
	const char *tag;                 /* NAME:TAG */
	int64_t time;
};

/** oci_store_begin() - the folders, and of a tar their members; speaks */
int oci_store_begin(struct oci_store *store);

/** oci_blob_begin() - the next bytes of store->fd are a blob; speaks */
int oci_blob_begin(struct oci_store *store);

/** oci_blob_end() - they are, and @blob says which; speaks */
int oci_blob_end(struct oci_store *store, const struct oci_blob *blob);

/** oci_blob_put() - a small blob; speaks. @ret_blob: what it is called */
int oci_blob_put(struct oci_store *store, const struct text *bytes, struct oci_blob *ret_blob);

/** oci_file_put() - a file beside the blobs; speaks */
int oci_file_put(struct oci_store *store, const char *name, const struct text *bytes);

/** oci_store_end() - the end of the tar; speaks */
int oci_store_end(struct oci_store *store);

/** oci_describe() - configuration, manifest and indexes of an image whose layers are there; speaks
 * @ret_manifest: its digest is the image's */
int oci_describe(struct oci_store *store, const struct oci_image *image,
		 struct oci_blob *ret_config, struct oci_blob *ret_manifest);
