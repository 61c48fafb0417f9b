/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle_path.h - what a bundle of a host's files may hold, for who makes and who unpacks it
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define BUNDLE_BYTES_MOST ((size_t)16 << 20) /* of the whole file: it is read into memory */
#define BUNDLE_ENTRIES_MOST 4096             /* directories included */
#define BUNDLE_DEPTH_MOST 32                 /* components of a path */
#define BUNDLE_SIGNATURE_BYTES 64            /* Ed25519, RFC 8032 section 5.1.6 */
#define BUNDLE_KEY_BYTES 32                  /* the public one, section 5.1.5 */

/**
 * bundle_path_problem() - why @path, without leading '/', cannot be of a bundle: "is ..."
 * @is_directory: it is one, and only a place for others
 *
 * Paths are canonical: no empty component, no "." and "..". What init and the kernel need to
 * start, and what they mount, is no host's. Return: NULL when nothing speaks against it
 */
const char *bundle_path_problem(const char *path, bool is_directory);
