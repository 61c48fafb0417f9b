/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update_image.h - one image of a host: made and recorded
 */
#pragma once

#include "update.h"

/** update_image() - build it, put it in place with its kernel and boot entry, and record it;
 * speaks.
 * @is_forced: also over a file that no record knows */
int update_image(struct host *host, const struct definition *definition,
		 const struct host_kernel *kernel, const char *output, bool is_forced,
		 unsigned jobs);
