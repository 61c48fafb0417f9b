/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest_parse.h - parts of the manifest's text form: shared by manifest_parse.c and
 * manifest_parse_entry.c; all others see manifest.h
 *
 * Every function returns what is wrong, or NULL. Quiet.
 */
#pragma once

#include <jansson.h>

#include "manifest.h"

/** parse_no_memory - what is returned then: this very address */
extern const char parse_no_memory[];

/** parse_origin() - FILE, FILE:LINE or FILE:LINE:COLUMN; the file's name is @manifest's */
const char *parse_origin(struct manifest *manifest, const char *at, struct origin *ret_origin);

/** parse_digest() - SHA256_SIZE bytes from hexadecimal digits */
const char *parse_digest(const char *string, unsigned char *digest);

/** parse_entry() - one entry into @manifest, with all its reasons; it stands after those before */
const char *parse_entry(struct manifest *manifest, json_t *json);
