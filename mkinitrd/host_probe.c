/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host_probe.c - what is on a disk of the host (see host.h)
 *
 * In:    an open block device, or a file that stands for one
 * Out:   type, label, UUID of its file system, and of the partition that it is
 * Facts: libblkid's manual: low-level probing; USAGE is "filesystem", "raid", "crypto", "other".
 *        Of a partition it asks sysfs for the disk
 */
#include <blkid.h>
#include <errno.h>
#include <string.h>

#include "host.h"

static void probe_free(blkid_probe *probe)
{
	blkid_free_probe(*probe);
	*probe = NULL;
}

void host_superblock_free(struct host_superblock *superblock)
{
	free(superblock->type);
	free(superblock->other);
	free(superblock->label);
	free(superblock->uuid);
	free(superblock->part_label);
	free(superblock->part_uuid);
	*superblock = (struct host_superblock){ 0 };
}

static char *take(blkid_probe probe, const char *name)
{
	const char *value = NULL;

	return blkid_probe_lookup_value(probe, name, &value, NULL) == 0 ? strdup(value) : NULL;
}

int host_probe(int fd, struct host_superblock *ret_superblock)
{
	CLEANUP(probe_free) blkid_probe probe = blkid_new_probe();
	CLEANUP(memory_free) char *usage = NULL;
	char *type;
	int r;

	if (!probe)
		return -ENOMEM;
	errno = 0;
	if (blkid_probe_set_device(probe, fd, 0, 0) < 0 ||
	    blkid_probe_enable_superblocks(probe, 1) < 0 ||
	    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_LABEL | BLKID_SUBLKS_UUID |
							     BLKID_SUBLKS_TYPE |
							     BLKID_SUBLKS_USAGE) < 0 ||
	    blkid_probe_enable_partitions(probe, 1) < 0 ||
	    blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS) < 0)
		return errno ? -errno : -EIO;
	r = blkid_do_safeprobe(probe);
	if (r < 0 && r != -2)
		return errno ? -errno : -EIO;
	if (r != 0) /* nothing, or several that contradict each other */
		return 0;
	type = take(probe, "TYPE");
	usage = take(probe, "USAGE");
	if (usage && text_equal(usage, "filesystem"))
		ret_superblock->type = type;
	else
		ret_superblock->other = type;
	ret_superblock->label = take(probe, "LABEL");
	ret_superblock->uuid = take(probe, "UUID");
	ret_superblock->part_label = take(probe, "PART_ENTRY_NAME");
	ret_superblock->part_uuid = take(probe, "PART_ENTRY_UUID");
	return 0;
}
