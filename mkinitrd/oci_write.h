/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci_write.h - the layers of a container image
 */
#pragma once

#include "oci.h"

struct oci_job {
	struct oci_image *image;
	int level; /* of the compression */
	unsigned jobs;
	bool has_end;                  /* of the topmost layer: see struct tar_job */
	const struct output *replaced; /* what no source may be */
};

/** oci_write_layers() - a blob each, read back and compared; their digests into job->image; speaks
 */
int oci_write_layers(struct oci_store *store, const struct oci_job *job);
