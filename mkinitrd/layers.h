/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layers.h - the entries of a manifest by the profile that wanted them
 */
#pragma once

#include "tree_export.h"

struct layer {
	const char *title; /* the profile's file; lives as long as the profile */
	struct export_list list;
};

struct layers {
	struct layer *items; /* from the lowest to the topmost; none is empty */
	size_t count;
};

#define LAYERS_EMPTY ((struct layers){ 0 })
#define LAYERS_MOST 100 /* of an image; Docker takes 127 */

void layers_free(struct layers *layers);

/**
 * layers_make() - each entry in the layer of the lowest profile that wanted it, by whatever chain;
 * speaks
 * @files: of the profile, from the lowest to the topmost
 *
 * Hard links stay together. A layer has the directories above its entries, too, whoever wanted
 * them first: who unpacks a layer by itself would guess their modes.
 */
int layers_make(const struct manifest *manifest, const struct strings *files,
		struct layers *ret_layers);
