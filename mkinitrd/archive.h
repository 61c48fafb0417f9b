/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.h - a manifest as the bytes of one newc archive
 */
#pragma once

#include "image.h"
#include "relay.h"

/**
 * archive_make() - fill @relay with the whole archive; for a thread of its own; speaks
 * @result: gets files, content and bytes_in
 *
 * One pass over each source: size and sha256 of the entries are filled in. Ends the relay, with
 * the same result as it returns. The archive is a multiple of 512 bytes long.
 *
 * Return: 0, -ESTALE (a source changed while it was read), -EFBIG, -ECANCELED (the taking side gave
 * up; not spoken), or another negative errno
 */
int archive_make(struct manifest *manifest, const struct image_options *options,
		 struct relay *relay, struct image_result *result);
