/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_zero.c - make a part of a file or a device read as zeros
 *
 * Facts: fallocate(2); on a block device both of its modes leave zeros, the second with the kernel
 *        writing them where the device has no command for it: block/fops.c, blkdev_fallocate()
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "file_zero.h"

int file_zero(int fd, uint64_t offset, uint64_t count)
{
	static const unsigned char zeros[1 << 16];

	if (count == 0 ||
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		      (off_t)count) == 0 ||
	    fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
		      (off_t)count) == 0)
		return 0;
	for (uint64_t done = 0; done < count;) {
		size_t want = count - done < sizeof(zeros) ? (size_t)(count - done) : sizeof(zeros);
		ssize_t r = pwrite(fd, zeros, want, (off_t)(offset + done));

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0)
			done += (uint64_t)r;
	}
	return 0;
}
