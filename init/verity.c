/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verity.c - a block device whose content is checked as it is read
 *
 * In:    the plan's "verity"; a device with data and hash tree
 * Out:   a device-mapper device
 * Not:   making the tree, loading the drivers (root_image.c)
 * Facts: kernel Documentation/admin-guide/device-mapper/verity.rst for the table,
 *        include/uapi/linux/dm-ioctl.h for the requests; a new device gets its node in /dev when it
 *        has a table
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "verity.h"

#define BLOCK_BYTES 4096
#define SECTOR_BYTES 512

struct request {
	struct dm_ioctl header;
	struct dm_target_spec target;
	char table[1024];
};

static int dm_call(int fd, unsigned long command, struct request *request)
{
	request->header.version[0] = DM_VERSION_MAJOR;
	request->header.data_size = sizeof(*request);
	request->header.data_start = offsetof(struct request, target);
	(void)snprintf(request->header.name, sizeof(request->header.name), "%s", VERITY_NAME);
	return ioctl(fd, command, request) < 0 ? -errno : 0;
}

static bool is_hexadecimal(const char *text)
{
	for (; *text; text++)
		if (!isxdigit((unsigned char)*text))
			return false;
	return true;
}

static bool is_algorithm(const char *text)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && *text != '-' && *text != '_')
			return false;
	return true;
}

/* Return: 0 or -EINVAL */
static int make_table(const struct plan_verity *verity, const char *device, struct request *request)
{
	uint64_t block = verity->block_size ? verity->block_size : BLOCK_BYTES, bytes;
	const char *algorithm = verity->algorithm ? verity->algorithm : "sha256";
	const char *salt = verity->salt && *verity->salt ? verity->salt : "-";
	int length;

	if (!verity->root_hash || !*verity->root_hash || !is_hexadecimal(verity->root_hash) ||
	    (*salt != '-' && !is_hexadecimal(salt)) || !is_algorithm(algorithm) ||
	    block < SECTOR_BYTES || (block & (block - 1)) != 0 || verity->data_blocks == 0 ||
	    __builtin_mul_overflow(verity->data_blocks, block, &bytes))
		return -EINVAL;
	request->header.target_count = 1;
	request->header.flags = DM_READONLY_FLAG;
	request->target.length = bytes / SECTOR_BYTES;
	(void)snprintf(request->target.target_type, sizeof(request->target.target_type), "verity");
	length = snprintf(
		request->table, sizeof(request->table), "1 %s %s %llu %llu %llu %llu %s %s %s",
		device, device, (unsigned long long)block, (unsigned long long)block,
		(unsigned long long)verity->data_blocks, (unsigned long long)verity->hash_start,
		algorithm, verity->root_hash, salt);
	return length < 0 || (size_t)length >= sizeof(request->table) ? -EINVAL : 0;
}

int verity_open(const struct plan_verity *verity, const char *device, char **ret_path)
{
	CLEANUP(fd_close) int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	struct request table = { 0 }, other = { 0 };
	int r = make_table(verity, device, &table);

	if (fd < 0)
		return -errno;
	if (r < 0)
		return r;
	r = dm_call(fd, DM_DEV_CREATE, &other);
	if (r < 0)
		return r;
	if (asprintf(ret_path, "/dev/dm-%u", minor((dev_t)other.header.dev)) < 0) {
		*ret_path = NULL;
		r = -ENOMEM;
	}
	if (r == 0)
		r = dm_call(fd, DM_TABLE_LOAD, &table);
	other = (struct request){ 0 };
	if (r == 0) /* without DM_SUSPEND_FLAG: resume, with the table that was loaded */
		r = dm_call(fd, DM_DEV_SUSPEND, &other);
	if (r == 0)
		return 0;
	verity_close();
	free(*ret_path);
	*ret_path = NULL;
	return r;
}

void verity_close(void)
{
	CLEANUP(fd_close) int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	struct request request = { 0 };

	if (fd >= 0)
		(void)dm_call(fd, DM_DEV_REMOVE, &request);
}
