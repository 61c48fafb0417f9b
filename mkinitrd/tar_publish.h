/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tar_publish.h - a manifest as one archive, in place
 */
#pragma once

#include "manifest.h"
#include "options.h"

/**
 * tar_publish() - write every entry, read it back, compare, rename; speaks
 * @path: "-": standard output. Its ending says how it is compressed, unless -c of @options does
 * @has_end: the last member is the empty file that says that nothing is missing
 */
int tar_publish(const struct manifest *manifest, const char *path, const struct options *options,
		bool has_end);
