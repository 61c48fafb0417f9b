/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile_bundle.h - what of a stack of profiles is a host's own
 */
#pragma once

#include "profile.h"

/**
 * profile_bundle_choose() - leave of "files:" in @stacked what differs from @image; speaks
 * @stacked: all profiles, the last one the host's
 * @image:   those before the last one, from which the image was made; empty when there are none
 *
 * A file differs when it was said in another way, or when a value differs that its text uses. What
 * differs and is no file cannot be in a bundle: an error, as is a file that does not stand in the
 * profiles or beside them.
 *
 * Return: 0 or a negative errno
 */
int profile_bundle_choose(struct profile *stacked, const struct profile *image);
