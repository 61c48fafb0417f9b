/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_docker.h - the file system that keeps Docker's data
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct docker_form {
	uint64_t offset, bytes; /* of the partition on its disk */
	uint8_t id[16];         /* the file system's UUID, as GPT stores one */
	int64_t mtime;
	bool is_device; /* what was there before is to be overwritten */
};

/** disk_docker_make() - an empty ext4 labelled DOCKER, in a file in memory that has holes; speaks.
 * Return: its descriptor, or a negative errno */
int disk_docker_make(const struct docker_form *form);

/** disk_docker_write() - put it into its partition of the disk @fd; quiet */
int disk_docker_write(int fd, int file, const struct docker_form *form);
