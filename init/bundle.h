/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.h - a host's files, read from a file that anybody may have written
 *
 * The format is that of mkinitrd/bundle.h. Everything here is quiet: what is wrong is appended to
 * @why, without a full stop, about the file itself ("is cut short", "holds ...").
 */
#pragma once

#include <stdint.h>
#include <sys/stat.h>

#include "lib/text.h"

struct bundle_entry {
	char *path;  /* without leading '/', as bundle_path_problem() accepts it */
	mode_t mode; /* of a regular file, a directory or a symlink; with its type */
	uint32_t uid, gid, mtime;
	const unsigned char *content; /* file: in the bytes that were parsed; symlink: its target */
	size_t size;
};

struct bundle {
	struct bundle_entry *entries; /* in the order of the archive, manifest.json left out */
	size_t count;
	const unsigned char *manifest;
	size_t manifest_size;
	bool is_complete; /* "complete" was there, and last */
};

#define BUNDLE_EMPTY ((struct bundle){ 0 })

/**
 * bundle_parse() - the entries of an archive; nothing is copied but paths
 *
 * Return: 0, -EBADMSG (why says), or -ENOMEM. @bundle is to be freed in any case, before @bytes
 */
int bundle_parse(struct bundle *bundle, const void *bytes, size_t length, struct text *why);
void bundle_free(struct bundle *bundle);

/**
 * bundle_check_manifest() - hold each entry against the bundle's manifest: type, mode, owner, size,
 * SHA-256, target; each is in both. Return: as above
 */
int bundle_check_manifest(const struct bundle *bundle, struct text *why);

/**
 * bundle_check_signature() - whether @signature is Ed25519's, by the key @hex, over @bytes
 *
 * Return: 0, -EKEYREJECTED (why says), or -EINVAL: @hex is no key
 */
int bundle_check_signature(const char *hex, const struct text *signature, const void *bytes,
			   size_t length, struct text *why);

/**
 * bundle_hostname() - what etc/hostname says, or NULL when the bundle has none
 *
 * Return: 0, -EBADMSG: it is no name of a host (why says), or -ENOMEM
 */
int bundle_hostname(const struct bundle *bundle, char **ret_hostname, struct text *why);

/**
 * bundle_unpack() - put all into the directory @target_fd, each file by rename(2)
 * @root_fd: the root that it is for; the same as @target_fd: over what is there
 *
 * A directory takes owner and mode of the one in the root, else it is root's, 0755: that of a
 * bundle is only the way to its files. Before anything is written it is looked whether each path
 * fits into the root: a symlink or a file on the way, or a directory at its end, does not.
 *
 * Return: 0, or a negative errno (why says)
 */
int bundle_unpack(const struct bundle *bundle, int target_fd, int root_fd, struct text *why);
