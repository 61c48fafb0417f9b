/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run_disk.h - the disk that `mkinitrd run` attaches
 */
#pragma once

/**
 * run_disk_prepare() - make the disk when it is absent and a size is given; find its format; speaks
 * @size_text:	as --disk-size has it, or NULL: the file must be there
 * @ret_format:	"raw" or "qcow2"
 *
 * A file that is there is never changed.
 */
int run_disk_prepare(const char *path, const char *size_text, const char **ret_format);
