/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capability.h - file capabilities: read from a source, as text, and said where they are lost
 */
#pragma once

#include "manifest.h"

/**
 * capability_read() - the capabilities of the file @fd, as an attribute added to @ret_xattrs; quiet
 *
 * Return: 0 (also when it has none), or a negative errno
 */
int capability_read(int fd, struct xattrs *ret_xattrs);

/** capability_format() - a value of security.capability as text: as getcap(8) prints it, a clause
 * for each set of flags; "0x..." for one of a form that is not known */
void capability_format(const void *bytes, size_t size, struct text *text);

/** capability_fits() - whether a string from elsewhere can be such a text */
bool capability_fits(const char *string);

/** capability_warn() - one line when @manifest has files with capabilities, which @where ("a cpio
 * image") cannot keep; with -v each */
void capability_warn(const struct manifest *manifest, const char *where);
