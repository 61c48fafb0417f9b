/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_write.c - bytes that are at hand as a file, whole or not at all (see output.h)
 *
 * In:    a path, bytes
 * Out:   the file, with a mode
 */
#include <errno.h>
#include <sys/stat.h>

#include "fail.h"
#include "output.h"
#include "../init/lib/file.h"

int output_write(const char *path, const void *bytes, size_t size, mode_t mode)
{
	CLEANUP(output_close) struct output output = OUTPUT_EMPTY;
	int r = output_open(&output, path);

	if (r < 0)
		return r;
	r = file_write_fd(output.fd, bytes, size);
	if (r == 0 && fchmod(output.fd, mode) < 0)
		r = -errno;
	return r < 0 ? fail(r, "cannot write '%s'", path) : output_publish(&output);
}
