/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_archive.h - container images in the form of "docker load"
 */
#pragma once

#include <stdint.h>

#include "manifest.h"

/* what the image says about running it */
struct container_config {
	struct strings command; /* empty: none */
	struct strings env;     /* NAME=value */
	char *workdir, *user;   /* NULL: none */
	int64_t time;           /* of everything in it, seconds since 1970 */
};

void container_config_free(struct container_config *config);

/**
 * container_archive_make() - an archive with one image of one layer: the entries of @manifest, all
 * owned by root; speaks
 * @tag:    NAME:TAG that the image gets
 * @ret_id: Docker's id of the image, "sha256:HEX"; the caller frees it
 *
 * The bytes depend on nothing but the arguments.
 */
int container_archive_make(const struct manifest *manifest, const char *tag,
			   const struct container_config *config, struct text *ret_archive,
			   char **ret_id);

/**
 * container_archive_id() - the id of the image that an archive of "docker save" has under @tag;
 * speaks. Untrusted input
 * @fd:    the archive, compressed or not; stays open, its offset is moved
 * @label: what messages call it, with quotes: "'x.tar' (docker.yaml:3)"
 */
int container_archive_id(int fd, const char *label, const char *tag, char **ret_id);

/** container_tag_is_valid() - "name:tag", of the characters that Docker takes */
bool container_tag_is_valid(const char *tag);

/** container_architecture() - what container images call the machine of an ELF header; of EM_NONE
 * this one's */
const char *container_architecture(unsigned machine);

/** sha256_hex() - lower case hexadecimal digits of the SHA-256 of @bytes. Quiet */
int sha256_hex(const void *bytes, size_t count, char ret_hex[SHA256_SIZE * 2 + 1]);

/** sha256_hex_fd() - the same of a file from its start */
int sha256_hex_fd(int fd, char ret_hex[SHA256_SIZE * 2 + 1]);
