/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount_options.h - "noatime,data=journal" as mount(2) wants it
 */
#pragma once

#include "lib/text.h"

/**
 * mount_options_parse() - words that every file system knows become flags, all others stay
 * @options: separated by commas; NULL is none
 * @flags:   MS_..., changed
 * @rest:    what the file system itself is told; added to
 *
 * ro and rw are left out: who mounts decides that. Quiet.
 * Source: mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS"
 */
void mount_options_parse(const char *options, unsigned long *flags, struct text *rest);
