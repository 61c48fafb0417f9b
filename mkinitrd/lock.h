/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.h - of what an image is made, by SHA-256, in a file that holds the next build to it
 *
 *   mkinitrd-lock 1
 *   SHA256 PACKAGE VERSION NAME
 *
 * A line for each file that the build reads, sorted by name: "/PATH" of the root, "./PATH" beside
 * a profile, "TREE:PATH" of a tree, "container 'NAME:TAG'" as it is packed. Who owns it is "- -"
 * where no package manager's records say so, and is for people: the sum decides.
 */
#pragma once

#include "options.h"

/**
 * lock_build_image() - build_image(), held to the file @options->lock; speaks
 *
 * Without that file it is written. With it, whatever differs is an error, with its name; the image
 * is there then, and it is the caller's to remove it. What profiles say in words is not locked,
 * and neither is mkinitrd itself.
 */
int lock_build_image(const struct options *options, const char *shown_as);
